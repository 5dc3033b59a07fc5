package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/reconcile"
	"github.com/gangway-dev/gangway/internal/report"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/sqlite"
	"github.com/gangway-dev/gangway/internal/worker"
)

var errDown = errors.New("does not answer")

var (
	shop = preview.Repository{ID: 7, Owner: "acme", Name: "shop", DefaultBranch: "main"}
	key  = keyOf(42)
)

func keyOf(pull int) preview.Key {
	return preview.Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: pull}
}

func sha(c string) string { return strings.Repeat(c, 40) }

// A world is everything outside the aggregator. Its fields are guarded by mu.
type world struct {
	t     *testing.T
	store *sqlite.Store
	r     *reconcile.Reconciler
	pool  *worker.Pool

	metrics *prometheus.Registry // of the last instance

	mu        sync.Mutex
	calls     []string
	fail      map[string]error  // by call, or by the call's first word
	documents map[string]string // paths of a document by the file and the commit's first letter: "orders.yaml a"
	mergeBase string            // its first letter
	missing   string            // a file that isn't there at a commit
	access    catalog.Access    // of previews
	admin     bool              // there is a gateway of this name too, with the service catalog
	without   bool              // the configuration has the gateway no more
	services  map[string]preview.CloudRunService
	revisions map[string]preview.CloudRunRevision
	configs   map[string]preview.APIConfig
	gateways  map[string]preview.APIGateway
	states    map[preview.Key]preview.StackState
	applied   []preview.Stack
	during    func(ctx context.Context, stack preview.Stack, observe func(preview.StackEvent)) error // an apply; without mu
	open      []int
	repo      preview.Repository // what GitHub says that acme/shop is; none is shop
	logs      bytes.Buffer
	comments  []report.Comment
	checks    []report.CheckRun
	statuses  []string
	apis      []string // the shards; nil is shard-0
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{
		t: t, store: store, fail: map[string]error{}, mergeBase: "b",
		services: map[string]preview.CloudRunService{}, revisions: map[string]preview.CloudRunRevision{},
		configs: map[string]preview.APIConfig{}, gateways: map[string]preview.APIGateway{},
		states: map[preview.Key]preview.StackState{},
	}
	for _, name := range []string{"catalog", "orders"} {
		live := name + "-live"
		w.services[name] = preview.CloudRunService{
			URL: "https://" + name + ".example", Traffic: []preview.TrafficTarget{{Revision: live, Percent: 100}},
			Ref: preview.ServiceRef{Project: "p", Region: "r", Name: name},
		}
		w.revisions[live] = preview.CloudRunRevision{Name: live, Labels: map[string]string{"commit": sha("b")}}
	}
	w.r, w.pool = w.instance("test")
	return w
}

// measured is the sum of a metric over its labels, or over those that have the values that labels says (name, value, …); of a
// histogram, how often something was observed.
func (w *world) measured(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			have := map[string]string{}
			for _, label := range m.GetLabel() {
				have[label.GetName()] = label.GetValue()
			}
			fits := family.GetName() == name
			for pair := range slices.Chunk(labels, 2) {
				fits = fits && have[pair[0]] == pair[1]
			}
			if fits {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// locked is the log, which all goroutines write.
type locked world

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs.Write(p)
}

// instance is one process of the aggregator.
func (w *world) instance(holder string) (*reconcile.Reconciler, *worker.Pool) {
	return w.workers(holder, 4)
}

// workers is an instance that looks at so many previews at once.
func (w *world) workers(holder string, concurrency int) (*reconcile.Reconciler, *worker.Pool) {
	var pool *worker.Pool
	log := slog.New(slog.NewTextHandler((*locked)(w), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.metrics = prometheus.NewRegistry()
	r := reconcile.New(reconcile.Options{
		Sites: site.New(w.configuration, w), GitHub: w, CloudRun: (*cloudRun)(w),
		Terraform: (*terraform)(w), APIGateway: (*apiGateway)(w), Store: w.store, Wake: func(k preview.Key) { pool.Wake(k) },
		Holder: holder, LeaseTTL: time.Second, Scheme: "https", HTTP: &http.Client{Transport: (*link)(w)}, Metrics: w.metrics, Log: log,
	})
	pool = worker.New(worker.Options{
		Store: w.store, Owner: preview.Aggregator, Handle: r.Handle, Holder: holder, Concurrency: concurrency, Poll: 10 * time.Millisecond,
		MinBackoff: 2 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Log: log,
	})
	return r, pool
}

func (w *world) configuration() *catalog.Catalog {
	c := configuration()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.without {
		c.Environments[0].Gateways[0].Name, c.Environments[0].Gateways[0].Services = "another", nil
	}
	if w.admin {
		own := &c.Environments[0].Gateways[0]
		other := *own
		other.Name, other.Services = "admin", own.Services[:1:1]
		own.Services = own.Services[1:]
		c.Environments[0].Gateways = []catalog.Gateway{other, *own}
	}
	if w.apis != nil {
		c.Environments[0].Gateways[0].APIs = w.apis
	}
	if c.Previews.Access = w.access; w.access == catalog.AccessAPIKey {
		c.Environments[0].Gateways[0].Security = []catalog.SecurityDefinition{{Name: "key", APIKey: &catalog.APIKey{In: "query", Name: "key"}}}
	}
	return c
}

func configuration() *catalog.Catalog {
	service := func(name string) catalog.Service {
		return catalog.Service{Name: name, Repository: "acme/shop", OpenAPI: name + ".yaml", CloudRun: name, CommitLabel: "commit"}
	}
	return &catalog.Catalog{
		Installation: "test", Repositories: []catalog.Repository{{Name: "acme/shop"}},
		Previews: catalog.Previews{Environment: "development"},
		Environments: []catalog.Environment{{
			Name: "development", Project: "p", Region: "r", Gateways: []catalog.Gateway{{
				Name: "shop", Title: "Shop", APIs: []string{"shard-0"}, Services: []catalog.Service{service("catalog"), service("orders")},
			}},
		}},
	}
}

// start runs an instance until the test ends, or until the function that it returns is called.
func (w *world) start(pool *worker.Pool) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// call notes a call and says how it ends.
func (w *world) call(name string, args ...any) error {
	call := strings.TrimSuffix(name+" "+strings.TrimSuffix(fmt.Sprintln(args...), "\n"), " ")
	w.calls = append(w.calls, call)
	if err := w.fail[call]; err != nil {
		return err
	}
	return w.fail[name]
}

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

// want saves what is wanted, as the intake would.
func (w *world) want(k preview.Key, wanted preview.Wanted) {
	w.t.Helper()
	wanted.Repository, wanted.URL = shop, "https://github.example/acme/shop/pull/42"
	body, err := wanted.Encode()
	w.save(k, preview.Intake, body, wanted.Settled(wanted.Down), err)
}

// have saves what was observed, as an aggregator that is gone by now.
func (w *world) have(k preview.Key, observed preview.Observed) {
	w.t.Helper()
	body, err := observed.Encode()
	w.save(k, preview.Aggregator, body, observed.Settled(), err)
}

func (w *world) save(k preview.Key, owner preview.Owner, body []byte, settled bool, err error) {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	lease, ok, acquireErr := w.store.Acquire(ctx, preview.LeaseName(k, owner), "somebody", time.Minute)
	for !ok && acquireErr == nil { // a look may just be ending
		time.Sleep(time.Millisecond)
		lease, ok, acquireErr = w.store.Acquire(ctx, preview.LeaseName(k, owner), "somebody", time.Minute)
	}
	row, loadErr := w.store.Load(ctx, k, owner)
	row.Body, row.Settled, row.Due = body, settled, time.Time{}
	_, saveErr := w.store.Save(ctx, lease, row)
	if err := errors.Join(err, acquireErr, loadErr, saveErr, w.store.Release(ctx, lease)); err != nil {
		w.t.Fatal(err)
	}
}

// ready is a pull request that changes orders, at the head, with its revision under the tag.
func (w *world) ready(k preview.Key, generation int64, head string) preview.Wanted {
	return w.readyOf("orders", k, generation, head)
}

func (w *world) readyOf(service string, k preview.Key, generation int64, head string) preview.Wanted {
	name := fmt.Sprintf("%s-%s-%d", service, k.Tag(), generation)
	w.change(func() {
		w.tag(service, k.Tag(), name)
		w.revisions[name] = preview.CloudRunRevision{Name: name, Labels: labels(k)}
	})
	return preview.Wanted{
		Generation: generation, Intent: preview.IntentLive, HeadSHA: head, BaseRef: "main", Changed: time.Now().UTC(), Tagged: []string{service},
		Members: []preview.Member{{
			Service: service, CloudRun: service, SHA: head, Step: preview.StepReady, Tag: k.Tag(), Revision: name, Generation: generation,
		}},
	}
}

func closed(generation int64) preview.Wanted {
	return preview.Wanted{Generation: generation, Intent: preview.IntentClosed, HeadSHA: sha("a"), Down: generation, Changed: time.Now().UTC()}
}

func labels(k preview.Key) map[string]string {
	return map[string]string{
		preview.LabelInstallation: "test", preview.LabelPreview: k.Hash(), preview.LabelEnvironment: k.Environment,
		preview.LabelGateway: k.Gateway, preview.LabelRepository: fmt.Sprint(k.Repository), preview.LabelPullRequest: fmt.Sprint(k.PullRequest),
	}
}

func (w *world) mark(k preview.Key) {
	w.t.Helper()
	if err := w.store.Mark(context.WithoutCancel(w.t.Context()), k, preview.Aggregator, time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) observed(k preview.Key) (preview.Row, preview.Observed) {
	w.t.Helper()
	row, err := w.store.Load(context.WithoutCancel(w.t.Context()), k, preview.Aggregator)
	observed, decodeErr := preview.DecodeObserved(row.Body)
	if err := errors.Join(err, decodeErr); err != nil {
		w.t.Fatal(err)
	}
	return row, observed
}

// until waits for something to be observed of a preview.
func (w *world) until(k preview.Key, what string, ok func(preview.Observed) bool) preview.Observed {
	w.t.Helper()
	var observed preview.Observed
	for range 2000 {
		if _, observed = w.observed(k); ok(observed) {
			return observed
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Fatalf("never came true: %s\n%+v\ncalls %q", what, observed, w.calls[max(0, len(w.calls)-30):])
	return observed
}

// serves tells whether a preview is live at a generation, and said to answer.
func serves(generation int64) func(preview.Observed) bool {
	return func(o preview.Observed) bool {
		return o.Phase == preview.PhaseLive && o.Serving.Generation == generation && o.Serving.Probe == ""
	}
}

func phase(want preview.Phase) func(preview.Observed) bool {
	return func(o preview.Observed) bool { return o.Phase == want }
}

// rests waits until nothing is due.
func (w *world) rests(k preview.Key) {
	w.t.Helper()
	w.until(k, "nothing is due", func(preview.Observed) bool {
		row, _ := w.observed(k)
		return row.Version > 0 && row.Due.IsZero()
	})
}

func (w *world) tag(service, tag, revision string) {
	s := w.services[service]
	s.Traffic = slices.DeleteFunc(slices.Clone(s.Traffic), func(t preview.TrafficTarget) bool { return t.Tag == tag })
	if revision != "" {
		s.Traffic = append(s.Traffic, preview.TrafficTarget{Tag: tag, Revision: revision, URL: "https://" + tag + "---" + service + ".example"})
	}
	w.services[service] = s
}
