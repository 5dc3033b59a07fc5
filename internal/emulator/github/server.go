package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

// Options are the settings of an emulated GitHub.
type Options struct {
	Dir       string  // where all state is kept
	URL       string  // how clients reach it, without a slash at the end: http://127.0.0.1:8080
	Webhook   Webhook // the App's webhook; may be set later with [Server.SetWebhook]
	AppID     int64   // the one App that is registered
	AppSlug   string  // "gangway" when empty; the App's comments are by SLUG[bot]
	PublicKey []byte  // PEM; verifies the App's JWTs
	RateLimit int     // requests per installation and hour; 0 is 15,000
	// WritesPerMinute is how many writes of an installation are taken in a minute before it is refused with the
	// secondary rate limit: GitHub's is 80. 0 is no limit.
	WritesPerMinute int
	TokenLife       time.Duration // of installation tokens; 0 is one hour, as on GitHub
	Latency         time.Duration // added to each REST answer
	Now             func() time.Time
	Log             *slog.Logger
	// Violation gets what is asked or answered otherwise than the published descriptions have it; nil logs it as an error.
	Violation func(conformance.Violation)
}

// A Webhook is where deliveries go and with which secret they are signed. An empty URL: nowhere.
type Webhook struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// Server is an emulated GitHub. It is an [http.Handler] and safe for concurrent use.
type Server struct {
	options Options
	log     *slog.Logger
	now     func() time.Time
	handler http.Handler
	pages   *pages
	diffs   *diffCache
	client  *http.Client // for webhook deliveries

	background sync.WaitGroup
	ctx        context.Context //nolint:containedctx // the lifetime of deliveries, which outlive the request that caused them
	stop       context.CancelFunc

	gitMu sync.Mutex // held while refs are moved; taken before mu

	mu      sync.Mutex // guards what follows
	state   state
	webhook Webhook
	keys    jwt.VerificationKeySet
	limits  map[int64]*rateLimit
	faults  []*Fault

	conversions map[string]*conversion // by code
}

// New opens the emulated GitHub that is kept in o.Dir, or makes an empty one. Close it after use.
func New(o Options) (*Server, error) {
	keys, err := parseKeys([][]byte{o.PublicKey})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "deliveries"), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the emulated GitHub: %w", err)
	}
	setDefaults(&o)
	s := &Server{
		options: o, keys: keys, log: o.Log, now: o.Now, webhook: o.Webhook,
		limits: map[int64]*rateLimit{}, diffs: newDiffCache(),
		client: &http.Client{
			Timeout:       10 * time.Second, // GitHub gives up after ten seconds
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if s.pages, err = newPages(); err != nil {
		return nil, err
	}
	if err := disk.Load(s.statePath(), &s.state); err != nil {
		return nil, err
	}
	if made := s.state.App; made != nil && s.webhook.URL == "" {
		s.webhook = made.Webhook
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.recover(s.ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

func setDefaults(o *Options) {
	o.URL = strings.TrimRight(o.URL, "/")
	if o.AppSlug == "" {
		o.AppSlug = "gangway"
	}
	if o.RateLimit == 0 {
		o.RateLimit = 15_000
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(o.Log)
	}
}

// Close stops deliveries that are under way and waits for them. The state on disk stays.
func (s *Server) Close() error {
	s.stop()
	s.background.Wait()
	return nil
}

// Wait returns when no delivery is under way.
func (s *Server) Wait() { s.background.Wait() }

// SetWebhook changes where deliveries go from now on.
func (s *Server) SetWebhook(w Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = w
}

// ServeHTTP serves everything that the package comment lists.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// routes tells the four worlds apart by their paths. The API without its prefix is recognised by its first segment, so
// that no owner may have one of these names.
func (s *Server) routes() http.Handler {
	api := conformance.Handler(conformance.Options{
		APIs: []*conformance.API{conformance.GitHubREST()}, Report: s.options.Violation,
	}, s.apiRoutes())
	protect := http.NewCrossOriginProtection()
	admin := protect.Handler(s.adminRoutes())
	for _, path := range manifestPaths { // posted from a page of whoever wants an App; nothing happens before the confirmation
		protect.AddInsecureBypassPattern("POST " + path)
	}
	pages := protect.Handler(s.pageRoutes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v3/"):
			http.StripPrefix("/api/v3", api).ServeHTTP(w, r)
		case first == "repos" || first == "repositories" || first == "app" || first == "users" || first == "rate_limit" ||
			first == "installation" || first == "app-manifests":
			api.ServeHTTP(w, r)
		case first == "_codeload":
			s.serveArchive(w, r)
		case strings.Contains(r.URL.Path, ".git/"):
			s.serveGit(w, r)
		case first == "emulator":
			admin.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

func (s *Server) statePath() string { return filepath.Join(s.options.Dir, "github.json") }

// save writes the state; the caller holds mu.
func (s *Server) save() error { return disk.Save(s.statePath(), &s.state) }

// recover makes the repositories agree with the state after a kill: a ref that was moved before the state was saved
// goes back, a delivery that was under way counts as failed.
func (s *Server) recover(ctx context.Context) error {
	for _, d := range s.state.Deliveries {
		if d.Status == deliveryPending {
			d.Status, d.StatusCode = "failed to connect to host", 0
		}
	}
	for _, r := range s.state.Repositories {
		if err := s.recoverRefs(ctx, r); err != nil {
			return err
		}
	}
	return s.save()
}

// recoverRefs sets the refs of r's pull requests, and their heads' branches, to what the state says.
func (s *Server) recoverRefs(ctx context.Context, r *repository) error {
	git := s.git(r)
	refs, err := git.refs(ctx)
	if err != nil {
		return err
	}
	for _, p := range r.Pulls {
		if name := pullRef(p.Number); refs[name] != p.HeadSHA {
			if err := git.setRef(ctx, name, p.HeadSHA); err != nil {
				return err
			}
		}
		head := s.state.repositoryByID(p.HeadRepository)
		if p.State != "open" || head == nil {
			continue
		}
		if err := s.git(head).setRef(ctx, "refs/heads/"+p.HeadRef, p.HeadSHA); err != nil {
			return err
		}
	}
	return nil
}

// errNotFound says that there is no such repository, pull request, comment, …
var errNotFound = errors.New("not found")
