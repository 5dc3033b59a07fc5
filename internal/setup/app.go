// Package setup is what an operator does once: it makes the GitHub App, keeps what GitHub tells of it in a safe place, and
// writes a configuration to begin with. It makes nothing on Google Cloud; terraform/platform does.
package setup

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// An App is what GitHub tells once of an App that it has made.
type App struct {
	ID            int64
	Slug          string
	Name          string
	Owner         string
	Page          string           // its public page
	Key           telemetry.Secret // PEM
	WebhookSecret telemetry.Secret
}

// A Request is for one App.
type Request struct {
	GitHub       string        // https://github.com, or a GitHub Enterprise Server's
	Organization string        // that owns the App; "" is the user who is signed in at the browser
	Port         int           // of the page on loopback; 0 takes a free one
	Timeout      time.Duration // how long somebody may take to confirm

	Manifest func(redirect string) ([]byte, error) // JSON, with the address that the browser comes back to
	// Exchange exchanges the code that the browser brings. It is called again after an error that may pass.
	Exchange func(ctx context.Context, code string) (App, error)
	Pause    time.Duration              // before Exchange is called again
	Open     func(address string) error // opens a browser; nil only tells the address
	Out      io.Writer
}

// attempts is how often the code is tried. It works once, but most errors mean that GitHub has not seen it.
const attempts = 3

//go:embed pages/*.gohtml
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.gohtml"))

// A flow is one App on its way: from the page that posts the manifest to the callback with the code.
// https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest#implementing-the-github-app-manifest-flow
type flow struct {
	Request
	host  string // of the page, with its port
	start string // path of the page, which nobody else knows
	state string // which the callback has to bring
	to    string // address that the manifest is posted to
	json  []byte

	once   sync.Once
	taken  chan struct{} // closed once there is a code
	result chan result
}

type result struct {
	app App
	err error
}

// MakeApp serves a page that asks GitHub for an App, and waits until somebody has confirmed it there.
func MakeApp(ctx context.Context, r Request) (App, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return App{}, fmt.Errorf("port %d is in use by another program: give another --port, or none", r.Port)
	}
	if err != nil {
		return App{}, fmt.Errorf("listening on loopback: %w", err)
	}
	f, err := newFlow(r, listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return App{}, err
	}
	server := &http.Server{Handler: f.handler(ctx), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		// The browser still gets the page that says how it went.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close()
		}
	}()
	f.invite()
	return f.wait(ctx, served)
}

func newFlow(r Request, host string) (*flow, error) {
	f := &flow{
		Request: r, host: host, start: "/" + rand.Text(), state: rand.Text(),
		taken: make(chan struct{}), result: make(chan result, 1),
		to: strings.TrimRight(r.GitHub, "/"),
	}
	if r.Organization != "" {
		f.to += "/organizations/" + url.PathEscape(r.Organization)
	}
	f.to += "/settings/apps/new?state=" + f.state
	var err error
	if f.json, err = r.Manifest("http://" + host + "/callback"); err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return f, nil
}

// invite tells the address, and opens it where that is possible.
func (f *flow) invite() {
	address := "http://" + f.host + f.start
	if f.Open != nil {
		if err := f.Open(address); err == nil {
			fmt.Fprintf(f.Out, "A browser opens. If it doesn't, open this address: %s\n", address)
			return
		}
	}
	_, port, _ := net.SplitHostPort(f.host)
	fmt.Fprintf(f.Out, "Open this address in a browser on this machine: %s\n"+
		"From another machine, first: ssh -L %s:127.0.0.1:%s THIS_MACHINE\n", address, port, port)
}

func (f *flow) wait(ctx context.Context, served <-chan error) (App, error) {
	timer := time.NewTimer(f.Timeout)
	defer timer.Stop()
	select {
	case r := <-f.result:
		return r.app, r.err
	case err := <-served:
		return App{}, fmt.Errorf("serving the page: %w", err)
	case <-ctx.Done():
		if r, ok := f.underWay(); ok {
			return r.app, r.err
		}
		return App{}, fmt.Errorf("stopped before GitHub has told of an App. If you have confirmed it there, delete it at %s and begin again", f.apps())
	case <-timer.C:
		if r, ok := f.underWay(); ok {
			return r.app, r.err
		}
		return App{}, fmt.Errorf("nobody has confirmed the App within %s.%s Run the command again; a longer time: --timeout", f.Timeout, f.rights())
	}
}

// underWay waits for an exchange that has begun: what GitHub tells, it tells once.
func (f *flow) underWay() (result, bool) {
	select {
	case <-f.taken:
		return <-f.result, true
	default:
		return result{}, false
	}
}

// exchanging bounds all attempts at the code together.
const exchanging = time.Minute

// apps is where the owner's Apps are listed.
func (f *flow) apps() string {
	return strings.TrimSuffix(f.to[:strings.IndexByte(f.to, '?')], "/new")
}

// rights says what a page that isn't found means.
func (f *flow) rights() string {
	if f.Organization == "" {
		return ""
	}
	return fmt.Sprintf(" If GitHub answered 404, you are not signed in, there is no organisation %[1]s, or you may not make Apps for it: "+
		"an owner of %[1]s has to run this, or make you an App manager.", f.Organization)
}

func (f *flow) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+f.start, f.page)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) { f.callback(ctx, w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// Where forms may lead to is left open: on the way to GitHub's page an organisation's own sign-in may redirect.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Host != f.host { // a name that was made to lead here
			http.Error(w, "Open the address that gangway init printed.", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (f *flow) page(w http.ResponseWriter, _ *http.Request) {
	owner := f.Organization
	if owner == "" {
		owner = "your own account"
	}
	f.show(w, http.StatusOK, "start.gohtml", map[string]any{"To": f.to, "Manifest": string(f.json), "Owner": owner, "GitHub": f.GitHub})
}

func (f *flow) show(w http.ResponseWriter, status int, name string, view any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, view)
}

func (f *flow) tell(w http.ResponseWriter, status int, title, text string) {
	f.show(w, status, "told.gohtml", map[string]string{"Title": title, "Text": text})
}

// callback takes the code. Only the first one that brings the state counts.
func (f *flow) callback(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(f.state)) != 1 {
		f.tell(w, http.StatusBadRequest, "This is not from here", "The request doesn't belong to this run of gangway init. Begin at the address that it printed.")
		return
	}
	if query.Get("code") == "" {
		f.tell(w, http.StatusBadRequest, "Something is missing", "GitHub sent no code along. Begin again at the address that gangway init printed.")
		return
	}
	first := false
	f.once.Do(func() {
		first = true
		close(f.taken)
	})
	if !first {
		f.tell(w, http.StatusConflict, "Done already", "GitHub's answer was taken already: see the terminal.")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchanging)
	defer cancel()
	app, err := f.exchange(ctx, query.Get("code"))
	if err != nil {
		f.tell(w, http.StatusBadGateway, "That did not work", err.Error())
	} else {
		f.tell(w, http.StatusOK, "The App is made", "Go back to the terminal: it says what to do next. This page can be closed.")
	}
	f.result <- result{app, err}
}

// exchange gets the App for the code. What passes is tried again; the App exists whatever comes of it, and so the error says.
func (f *flow) exchange(ctx context.Context, code string) (App, error) {
	var last error
	for n := range attempts {
		app, err := f.Exchange(ctx, code)
		if err == nil {
			return app, nil
		}
		last = err
		if errors.Is(err, preview.ErrNotFound) && n == 0 {
			return App{}, fmt.Errorf("GitHub doesn't know the code that the browser brought: it works once, and for an hour. "+
				"The App exists without its key being known: delete it at %s and run this again", f.apps())
		}
		if errors.Is(err, preview.ErrNotFound) || ctx.Err() != nil || n == attempts-1 {
			break
		}
		timer := time.NewTimer(f.Pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return App{}, fmt.Errorf("%w. The App exists, but GitHub's answer with its key was lost: delete it at %s and run this again", last, f.apps())
}
