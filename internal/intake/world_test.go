package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/intake"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/sqlite"
	"github.com/gangway-dev/gangway/internal/worker"
)

const head = "0123456789abcdef0123456789abcdef01234567"

var errDown = errors.New("does not answer")

var (
	shop = preview.Repository{ID: 7, Owner: "acme", Name: "shop", DefaultBranch: "main"}
	key  = preview.Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}
)

// A world is everything outside the intake. Its fields are guarded by mu.
type world struct {
	t     *testing.T
	store *sqlite.Store
	in    *intake.Intake
	pool  *worker.Pool

	mu         sync.Mutex
	catalog    *catalog.Catalog
	calls      []string
	fail       map[string]error // by call, or by the call's first word
	repository preview.Repository
	pull       preview.PullRequest
	files      preview.Files
	trees      map[string]preview.Tree // by commit
	approval   preview.Approval
	builds     map[string]preview.Build
	logs       map[string]string // by build
	requests   []preview.BuildRequest
	cancelled  []string
	services   map[string]preview.CloudRunService
	revisions  map[string]preview.CloudRunRevision
	deployed   []preview.Deployment
	published  []string
	tags       int       // in the region
	created    time.Time // of the builds; zero is now
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{
		t: t, store: store, fail: map[string]error{}, builds: map[string]preview.Build{}, logs: map[string]string{},
		services: map[string]preview.CloudRunService{}, revisions: map[string]preview.CloudRunRevision{},
		catalog: &catalog.Catalog{
			Installation: "test", Repositories: []catalog.Repository{{Name: "acme/shop"}},
			Previews: catalog.Previews{Environment: "development"},
			Environments: []catalog.Environment{{
				Name: "development", Project: "p", Region: "r", Build: catalog.BuildDefaults{Images: "images"},
				Gateways: []catalog.Gateway{{Name: "shop", Services: []catalog.Service{
					{Name: "catalog", Repository: "acme/shop", Paths: []string{"catalog/**"}, CloudRun: "catalog", CommitLabel: "commit"},
					{
						Name: "orders", Repository: "acme/shop", Paths: []string{"orders/**"}, CloudRun: "orders", CommitLabel: "commit",
						Calls: []catalog.Call{{Service: "catalog", URLEnv: "CATALOG_URL", AudienceEnv: "CATALOG_AUDIENCE"}},
					},
				}}},
			}},
		},
		repository: shop,
		pull: preview.PullRequest{
			Repository: shop, Number: 42, Open: true, HeadSHA: head, HeadRepository: 7, BaseRef: "main", BaseSHA: head, ChangedFiles: 1,
		},
		files: preview.Files{Paths: []string{"orders/main.go"}, Complete: true},
	}
	for _, name := range []string{"catalog", "orders"} {
		w.services[name] = preview.CloudRunService{
			URL: "https://" + name, Traffic: []preview.TrafficTarget{{Revision: name + "-live", Percent: 100}},
		}
	}
	log := slog.New(slog.DiscardHandler)
	w.in = intake.New(intake.Options{
		Sites: site.New(func() *catalog.Catalog {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.catalog
		}, w), GitHub: w, Builds: (*builds)(w), CloudRun: (*cloudRun)(w), Publisher: w, Store: store,
		Wake: func(k preview.Key) { w.pool.Wake(k) }, Log: log,
	})
	w.pool = worker.New(worker.Options{
		Store: store, Owner: preview.Intake, Handle: w.in.Handle, Holder: "test", Poll: 10 * time.Millisecond,
		MinBackoff: 2 * time.Millisecond, MaxBackoff: 10 * time.Millisecond, Log: log,
	})
	return w
}

// start runs the intake until the test ends.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.pool.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

// call notes a call and says how it ends.
func (w *world) call(name string, args ...any) error {
	call := strings.TrimSpace(name + " " + strings.Trim(fmt.Sprint(args...), "[]"))
	w.calls = append(w.calls, call)
	if err := w.fail[call]; err != nil {
		return err
	}
	return w.fail[name]
}

// change changes the world.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) count(prefix string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (w *world) Repository(_ context.Context, name string) (preview.Repository, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.repository, w.call("repository", name)
}

func (w *world) PullRequest(_ context.Context, _ preview.Repository, number int) (preview.PullRequest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pull, w.call("pull", number)
}

func (w *world) Files(_ context.Context, _ preview.Repository, number int) (preview.Files, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files, w.call("files", number)
}

func (w *world) Tree(_ context.Context, _ preview.Repository, sha string) (preview.Tree, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trees[sha], w.call("tree", sha)
}

func (w *world) Approval(_ context.Context, _ preview.Repository, number int, label string) (preview.Approval, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.approval
	out.Label = label
	return out, w.call("approval", number)
}

func (w *world) CloneURL(preview.Repository) string { return "https://clone" }

func (w *world) Publish(_ context.Context, topic string, data []byte, _ map[string]string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.call("publish", topic)
	if err == nil {
		w.published = append(w.published, topic+" "+string(data))
	}
	if topic != preview.TopicPreviews {
		return err
	}
	var hint preview.WantedChanged
	if err := json.Unmarshal(data, &hint); err != nil {
		return err
	}
	return errors.Join(err, w.accept(hint.Preview))
}

// accept is the aggregator's part: it finds that the documents of what is built go together. Its own sweep tells it when
// no hint does.
func (w *world) accept(name string) error {
	ctx := context.Background()
	key, err := preview.ParseKey(name)
	if err != nil {
		return err
	}
	row, err := w.store.Load(ctx, key, preview.Intake)
	if err != nil {
		return err
	}
	wanted, err := preview.DecodeWanted(row.Body)
	if err != nil || !wanted.Built() {
		return err
	}
	lease, ok, err := w.store.Acquire(ctx, preview.LeaseName(key, preview.Aggregator), "aggregator", time.Minute)
	if err != nil || !ok {
		return err
	}
	defer w.store.Release(ctx, lease)
	row, err = w.store.Load(ctx, key, preview.Aggregator)
	if err != nil {
		return err
	}
	observed, err := preview.DecodeObserved(row.Body)
	if err != nil || observed.Accepted == wanted.Generation {
		return err
	}
	observed.Accepted = wanted.Generation
	if row.Body, err = observed.Encode(); err != nil {
		return err
	}
	if _, err := w.store.Save(ctx, lease, row); err != nil {
		return err
	}
	return w.store.Mark(ctx, key, preview.Intake, time.Now())
}

type builds world

func (b *builds) Start(_ context.Context, r preview.BuildRequest) (preview.Build, error) {
	w := (*world)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("build", r.Service); err != nil {
		return preview.Build{}, err
	}
	w.requests = append(w.requests, r)
	id := fmt.Sprintf("%s-%d", r.Service, r.Generation)
	if _, ok := w.builds[id]; !ok {
		created := w.created
		if created.IsZero() {
			created = time.Now()
		}
		w.builds[id] = preview.Build{
			ID: id, Key: r.Key, Status: preview.BuildWorking, Service: r.Service, Generation: r.Generation, SHA: r.SHA,
			Image: r.Image, Created: created,
		}
	}
	return w.builds[id], nil
}

func (b *builds) Get(_ context.Context, ref preview.BuildRef) (preview.Build, error) {
	w := (*world)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("read-build", ref.ID); err != nil {
		return preview.Build{}, err
	}
	build, ok := w.builds[ref.ID]
	if !ok {
		return build, preview.ErrNotFound
	}
	return build, nil
}

func (b *builds) Find(_ context.Context, r preview.BuildRequest) (preview.Build, bool, error) {
	w := (*world)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	build, ok := w.builds[fmt.Sprintf("%s-%d", r.Service, r.Generation)]
	return build, ok, w.call("find", r.Service)
}

func (b *builds) Log(_ context.Context, ref preview.BuildRef) (string, error) {
	w := (*world)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("log", ref.ID); err != nil {
		return "", err
	}
	return w.logs[ref.ID], nil
}

func (b *builds) Cancel(_ context.Context, ref preview.BuildRef) error {
	w := (*world)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("cancel", ref.ID); err != nil {
		return err
	}
	w.cancelled = append(w.cancelled, ref.ID)
	return nil
}

// finish ends all builds.
func (w *world) finish(status preview.BuildStatus) {
	w.change(func() {
		for id, b := range w.builds {
			if !b.Status.Done() {
				b.Status, b.Digest = status, "sha256:"+id
				w.builds[id] = b
			}
		}
	})
}

type cloudRun world

func (c *cloudRun) Service(_ context.Context, ref preview.ServiceRef) (preview.CloudRunService, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("service", ref.Name); err != nil {
		return preview.CloudRunService{}, err
	}
	s, ok := w.services[ref.Name]
	if !ok {
		return s, preview.ErrNotFound
	}
	s.Traffic = slices.Clone(s.Traffic)
	return s, nil
}

func (c *cloudRun) Revision(_ context.Context, _ preview.ServiceRef, name string) (preview.CloudRunRevision, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.revisions[name]
	if !ok {
		return r, preview.ErrNotFound
	}
	return r, w.call("revision", name)
}

func (c *cloudRun) Deploy(_ context.Context, d preview.Deployment) error {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("deploy", d.Service.Name, d.Revision); err != nil {
		return err
	}
	if err := w.fail["deploy "+d.Service.Name]; err != nil {
		return err
	}
	w.deployed = append(w.deployed, d)
	if _, ok := w.revisions[d.Revision]; !ok {
		w.revisions[d.Revision] = preview.CloudRunRevision{Name: d.Revision, Image: d.Image, Labels: d.Labels, Readiness: preview.ReadinessReady}
	}
	w.tag(d.Service.Name, d.Tag, d.Revision)
	return nil
}

// tag puts a tag on a revision, or takes it away.
func (w *world) tag(service, tag, revision string) {
	s := w.services[service]
	s.Traffic = slices.DeleteFunc(slices.Clone(s.Traffic), func(t preview.TrafficTarget) bool { return t.Tag == tag })
	if revision != "" {
		s.Traffic = append(s.Traffic, preview.TrafficTarget{Tag: tag, Revision: revision, URL: "https://" + tag + "---" + service})
	}
	w.services[service] = s
}

func (c *cloudRun) Tags(context.Context, string, string) (int, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tags, w.call("tags")
}

func (c *cloudRun) RemoveTag(_ context.Context, ref preview.ServiceRef, tag string, _ map[string]string) error {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("remove-tag", ref.Name); err != nil {
		return err
	}
	w.tag(ref.Name, tag, "")
	return nil
}

func (w *world) mark() {
	w.t.Helper()
	if err := w.store.Mark(w.t.Context(), key, preview.Intake, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	w.pool.Wake(key)
}

func (w *world) row() (preview.Row, preview.Wanted) {
	w.t.Helper()
	row, err := w.store.Load(w.t.Context(), key, preview.Intake)
	if err != nil {
		w.t.Fatal(err)
	}
	wanted, err := preview.DecodeWanted(row.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return row, wanted
}

// until waits for something to be wanted.
func (w *world) until(what string, ok func(preview.Wanted) bool) preview.Wanted {
	w.t.Helper()
	var wanted preview.Wanted
	for range 1500 {
		if _, wanted = w.row(); ok(wanted) {
			return wanted
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Fatalf("never came true: %s\n%+v\ncalls %q", what, wanted, w.calls[max(0, len(w.calls)-30):])
	return wanted
}

func step(service string, want preview.Step) func(preview.Wanted) bool {
	return func(w preview.Wanted) bool {
		m, ok := w.Member(service)
		return ok && m.Step == want
	}
}

// live brings the preview to a ready revision of orders.
func (w *world) live() preview.Wanted {
	w.t.Helper()
	w.start()
	w.mark()
	w.until("orders is built", step("orders", preview.StepBuilding))
	w.finish(preview.BuildSucceeded)
	w.mark()
	return w.until("orders is ready", func(p preview.Wanted) bool { return p.Ready() && p.Announced.Digest == p.Digest() })
}

// save writes the intake's row, as an intake that is gone by now.
func (w *world) save(wanted preview.Wanted) {
	w.t.Helper()
	ctx := w.t.Context()
	var lease preview.Lease
	for ok := false; !ok; time.Sleep(time.Millisecond) { // a look may just be ending
		var err error
		if lease, ok, err = w.store.Acquire(ctx, preview.LeaseName(key, preview.Intake), "somebody", time.Minute); err != nil {
			w.t.Fatal(err)
		}
	}
	row, _ := w.row()
	body, err := wanted.Encode()
	row.Body = body
	_, saveErr := w.store.Save(ctx, lease, row)
	if err := errors.Join(err, saveErr, w.store.Release(ctx, lease)); err != nil {
		w.t.Fatal(err)
	}
}
