package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
	"github.com/gangway-dev/gangway/internal/firestore"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/reconcile"
	"github.com/gangway-dev/gangway/internal/worker"
)

func TestMain(m *testing.M) { os.Exit(gcloudtest.Main(m)) }

// A desk is the aggregator's way from a message to a look at the preview: real subscriptions, real handling of hints, the
// real store and pool. Only what a look does is missing: it saves, and counts.
type desk struct {
	*events
	store preview.Store

	mu    sync.Mutex
	looks map[preview.Key]int   // by preview
	seen  map[preview.Key]int64 // the newest mark that a look knew of
}

// lookTime is how long a look takes here: much less than a real one.
const lookTime = 100 * time.Millisecond

// desks counts the desks: each has a project of its own on the shared emulators.
var desks atomic.Int64

func newDesk(t *testing.T, endpoint string) *desk {
	t.Helper()
	project := fmt.Sprintf("desk-%d", desks.Add(1))
	store, err := firestore.Open(context.WithoutCancel(t.Context()), firestore.Options{Project: project, Endpoint: gcloudtest.Firestore(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	log := slog.New(slog.DiscardHandler)
	d := &desk{store: store, looks: map[preview.Key]int{}, seen: map[preview.Key]int64{}}
	d.events, err = openEvents(t.Context(), Common{Ensure: true, Google: Google{PubSub: endpoint}}, project, newMetrics(), log)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// run works until the test ends.
func (d *desk) run(t *testing.T) {
	var pool *worker.Pool
	r := reconcile.New(reconcile.Options{Store: d.store, Wake: func(key preview.Key) { pool.Wake(key) }, Log: d.log})
	pool = worker.New(worker.Options{
		Store: d.store, Owner: preview.Aggregator, Handle: d.look, Holder: "desk", Poll: time.Second, Log: d.log,
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return pool.Run(ctx) })
	group.Go(func() error {
		return d.receive(ctx, aggregatorPreviews, func(ctx context.Context, data []byte) error { return r.Hint(ctx, previewOf(data)) })
	})
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (d *desk) look(ctx context.Context, c *worker.Claim) error {
	time.Sleep(lookTime)
	d.mu.Lock()
	d.looks[c.Key()]++
	d.seen[c.Key()] = c.Row().Marks
	d.mu.Unlock()
	return c.Save(ctx, []byte(`{}`), false, time.Time{})
}

func (d *desk) known(t *testing.T, n int) preview.Key {
	t.Helper()
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: n}
	lease, ok, err := d.store.Acquire(t.Context(), preview.LeaseName(key, preview.Intake), "test", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := d.store.Save(t.Context(), lease, preview.Row{Key: key, Owner: preview.Intake, Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	return key
}

func (d *desk) hint(ctx context.Context, key preview.Key) error {
	return d.Publish(ctx, preview.TopicPreviews, fmt.Appendf(nil, `{"version":%d,"preview":%q}`, preview.HintVersion, key), nil)
}

// settled waits until every preview was looked at after its last mark, and returns the number of marks.
func (d *desk) settled(t *testing.T, keys []preview.Key, marks int64) (all int64) {
	t.Helper()
	for range 1200 {
		all = 0
		quiet := true
		for _, key := range keys {
			row, err := d.store.Load(t.Context(), key, preview.Aggregator)
			if err != nil {
				t.Fatal(err)
			}
			d.mu.Lock()
			quiet = quiet && row.Due.IsZero() && d.seen[key] == row.Marks
			d.mu.Unlock()
			all += row.Marks
		}
		if quiet && all >= marks {
			return all
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("after a minute there are %d marks of %d, or some were not looked at", all, marks)
	return 0
}

// A backlog of thousands of messages about a few previews, as after an outage, becomes a few looks at each.
func TestBacklogCoalesces(t *testing.T) {
	const messages, previews = 5000, 5
	d := newDesk(t, gcloudtest.PubSub(t))
	var keys []preview.Key
	for n := range previews {
		keys = append(keys, d.known(t, n+1))
	}
	began := time.Now()
	publishing, ctx := errgroup.WithContext(t.Context())
	publishing.SetLimit(64)
	for n := range messages {
		publishing.Go(func() error { return d.hint(ctx, keys[n%previews]) })
	}
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	published := time.Since(began)
	began = time.Now()
	d.run(t)
	all := d.settled(t, keys, messages)
	took := time.Since(began)
	d.mu.Lock()
	defer d.mu.Unlock()
	total := 0
	for _, key := range keys {
		total += d.looks[key]
		// Each look and what the store needs for it takes longer than lookTime, and the next begins after it.
		if limit := 2 + int(took/lookTime); d.looks[key] > limit {
			t.Errorf("%d looks at %s within %s; want at most %d", d.looks[key], key, took, limit)
		}
	}
	t.Logf("%d messages published in %s, worked off in %s: %d marks, %d looks", messages, published, took, all, total)
	if total > messages/20 {
		t.Errorf("%d messages made %d looks; want them to coalesce", messages, total)
	}
}
