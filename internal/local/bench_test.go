package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// BenchmarkPreview measures previews on the local cloud, opened 1, 4 and 16 at once: from Gangway's word that the last
// revision is ready to the link in the pull request's comment. Pull requests bring images that were built before, so
// that no compiler runs beside what is measured. Everything else is as in `gangway local`.
//
//	go test -run '^$' -bench Preview -benchtime 1x ./internal/local
//
// Times are milliseconds:
//
//	noticed    Cloud Run has the last revision ready → Gangway has noticed and said so
//	link       Gangway has said so → the comment has the link
//	ready      Gangway has said so → the link was called and the comment says that the preview is ready
//	terraform  part of link: Terraform's init and apply, the provider and the far end's latency within
//	waiting    part of link: for one of the Terraform slots and for the API shard
//	own        what is left of link
func BenchmarkPreview(b *testing.B) {
	c := startBench(b)
	c.round(b, 1) // fills caches, is not counted
	var table strings.Builder
	for _, load := range []struct{ together, rounds int }{{1, 8}, {4, 3}, {16, 2}} {
		b.Run(fmt.Sprintf("together=%d", load.together), func(b *testing.B) {
			var all []measured
			for b.Loop() {
				for range load.rounds {
					all = append(all, c.round(b, load.together)...)
				}
			}
			report(b, &table, load.together, all)
		})
	}
	fmt.Printf("\nmilliseconds, median (95th percentile):\n%-9s %-9s %-13s %-13s %-13s %-13s %-13s %-13s\n%s\n",
		"together", "previews", "noticed", "link", "ready", "terraform", "waiting", "own", table.String())
}

// measured are the parts of one preview's way to its link.
type measured struct{ noticed, link, ready, terraform, waiting, own time.Duration }

// report reports medians and 95th percentiles, and adds a line for people.
func report(b *testing.B, table *strings.Builder, together int, all []measured) {
	b.Helper()
	_, _ = fmt.Fprintf(table, "%-9d %-9d", together, len(all))
	for _, column := range []struct {
		name string
		of   func(measured) time.Duration
	}{
		{"noticed", func(m measured) time.Duration { return m.noticed }},
		{"link", func(m measured) time.Duration { return m.link }},
		{"ready", func(m measured) time.Duration { return m.ready }},
		{"terraform", func(m measured) time.Duration { return m.terraform }},
		{"waiting", func(m measured) time.Duration { return m.waiting }},
		{"own", func(m measured) time.Duration { return m.own }},
	} {
		list := make([]time.Duration, len(all))
		for n, m := range all {
			list[n] = column.of(m)
		}
		slices.Sort(list)
		p50, p95 := list[len(list)/2].Seconds()*1e3, list[len(list)*95/100].Seconds()*1e3
		b.ReportMetric(p50, column.name+"-p50-ms")
		if column.name == "link" {
			b.ReportMetric(p95, column.name+"-p95-ms")
		}
		_, _ = fmt.Fprintf(table, " %-13s", fmt.Sprintf("%.0f (%.0f)", p50, p95))
	}
	table.WriteString("\n")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// A bench is a local cloud that is watched.
type bench struct {
	*Local
	hub   *Hub
	files map[string]string // of a pull request whose image was built before
	logs  *recorder

	mu       sync.Mutex
	comments map[int][]comment // by pull request
}

// A comment is what a pull request's comment said from a time on.
type comment struct {
	at   time.Time
	body string
}

func startBench(b *testing.B) *bench {
	b.Helper()
	c := &bench{logs: &recorder{}, comments: map[int][]comment{}}
	log := slog.New(c.logs)
	l, err := Start(b.Context(), Options{
		Dir: b.TempDir(), Latency: emulator.Fast, Provider: "served", Out: io.Discard, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.Close)
	c.Local, c.hub = l, &Hub{url: l.Endpoints.GitHub, api: l.api}
	if err := c.watchComments(b); err != nil {
		b.Fatal(err)
	}
	if c.files, err = c.prebuilt(b.Context()); err != nil {
		b.Fatal(err)
	}
	return c
}

// watchComments puts itself between GitHub and the webhook: GitHub delivers every edit of a comment.
func (c *bench) watchComments(b *testing.B) error {
	webhook, err := url.Parse("http://" + c.logs.find("receiving", "address"))
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(webhook)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-GitHub-Event") != "issue_comment" {
			proxy.ServeHTTP(w, r)
			return
		}
		now := time.Now()
		var event struct {
			Issue   struct{ Number int }
			Comment struct{ Body string }
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			b.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.comments[event.Issue.Number] = append(c.comments[event.Issue.Number], comment{now, event.Comment.Body})
	}))
	b.Cleanup(server.Close)
	c.Cloud.GitHub.SetWebhook(github.Webhook{URL: server.URL + "/github/webhook", Secret: strings.TrimSpace(string(secret))})
	return nil
}

// prebuilt is a change of orders whose build takes the image that the environment runs, instead of compiling one.
func (c *bench) prebuilt(ctx context.Context) (map[string]string, error) {
	files, err := Count()
	if err != nil {
		return nil, err
	}
	var service struct {
		Template struct{ Containers []struct{ Image string } }
	}
	if err := c.api.call(ctx, http.MethodGet, c.serviceURL("orders"), nil, &service); err != nil {
		return nil, err
	}
	files["orders/Dockerfile"] = "FROM " + service.Template.Containers[0].Image + "\n"
	files["orders/test.Dockerfile"] = "FROM busybox\nENTRYPOINT [\"true\"]\n"
	files["orders/compose.test.yaml"] = "services:\n  test:\n    build:\n      context: .\n      dockerfile: test.Dockerfile\n"
	return files, nil
}

// roundTimeout bounds one round: even 16 previews take some seconds.
const roundTimeout = 2 * time.Minute

// round opens pull requests together, measures them, and closes them.
func (c *bench) round(b *testing.B, together int) []measured {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), roundTimeout)
	defer cancel()
	quiet := func(string) {}
	list := make([]measured, together)
	pulls := make([]Pull, together)
	var group errgroup.Group
	for n := range list {
		group.Go(func() (err error) {
			if pulls[n], err = c.hub.Open(ctx, fmt.Sprintf("Count %d", n), c.files); err != nil {
				return err
			}
			if err := c.awaitReady(ctx, pulls[n]); err != nil {
				return err
			}
			list[n], err = c.measure(ctx, pulls[n])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	for n := range pulls {
		group.Go(func() error {
			if _, err := c.hub.Close(ctx, pulls[n].Number); err != nil {
				return err
			}
			return c.hub.AwaitRemoved(ctx, pulls[n].Number, quiet)
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return list
}

// awaitReady waits until the comment says that the preview is ready. What was delivered is at hand: it costs nothing.
func (c *bench) awaitReady(ctx context.Context, p Pull) error {
	for {
		if _, ok := c.said(p.Number, isReady); ok {
			return nil
		}
		if strings.Contains(c.latest(p.Number), "❌") {
			return fmt.Errorf("%s has no preview:\n%s", p.URL, c.latest(p.Number))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not get ready: %w\n%s", p.URL, ctx.Err(), c.latest(p.Number))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// latest is what a pull request's comment says.
func (c *bench) latest(number int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.comments[number]; len(list) > 0 {
		return list[len(list)-1].body
	}
	return "(no comment)"
}

func isReady(body string) bool { return strings.Contains(body, "✅ Preview is ready") }

// said is when a pull request's comment first said something.
func (c *bench) said(number int, what func(string) bool) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, comment := range c.comments[number] {
		if what(comment.body) {
			return comment.at, true
		}
	}
	return time.Time{}, false
}

// measure takes a preview that is ready apart.
func (c *bench) measure(ctx context.Context, p Pull) (measured, error) {
	preview := fmt.Sprintf("/%d", p.Number)
	announced, member, err := c.logs.first("member", preview, "step", "ready")
	if err != nil {
		return measured{}, err
	}
	_, applied, err := c.logs.first("stack applied", preview, "", "")
	if err != nil {
		return measured{}, err
	}
	_, action, err := c.logs.first("action", preview, "action", "apply_gateway::")
	if err != nil {
		return measured{}, err
	}
	up, err := c.upSince(ctx, member["revision"].String())
	if err != nil {
		return measured{}, err
	}
	linked, _ := c.said(p.Number, link.MatchString)
	ready, _ := c.said(p.Number, isReady)
	m := measured{
		noticed: announced.Sub(up), link: linked.Sub(announced), ready: ready.Sub(announced),
		terraform: applied["terraform"].Duration(),
	}
	m.waiting = action["took"].Duration() - m.terraform - applied["overhead"].Duration()
	m.own = m.link - m.terraform - m.waiting
	return m, nil
}

// upSince is since when Cloud Run calls a revision of orders ready.
func (c *bench) upSince(ctx context.Context, revision string) (time.Time, error) {
	var r struct {
		Conditions []struct {
			Type, State        string
			LastTransitionTime time.Time
		}
	}
	if err := c.api.call(ctx, http.MethodGet, c.serviceURL("orders")+"/revisions/"+revision, nil, &r); err != nil {
		return time.Time{}, err
	}
	for _, condition := range r.Conditions {
		if condition.Type == "Ready" && condition.State == "CONDITION_SUCCEEDED" {
			return condition.LastTransitionTime, nil
		}
	}
	return time.Time{}, fmt.Errorf("revision %s is not ready", revision)
}

// A recorder is a log handler that keeps everything.
type recorder struct {
	attrs []slog.Attr
	root  *recorder // nil for the root itself

	mu      sync.Mutex
	records []record
}

type record struct {
	at    time.Time
	msg   string
	attrs map[string]slog.Value
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) Handle(_ context.Context, in slog.Record) error {
	out := record{in.Time, in.Message, map[string]slog.Value{}}
	for _, a := range r.attrs {
		out.attrs[a.Key] = a.Value
	}
	in.Attrs(func(a slog.Attr) bool {
		out.attrs[a.Key] = a.Value
		return true
	})
	root := r
	if r.root != nil {
		root = r.root
	}
	root.mu.Lock()
	defer root.mu.Unlock()
	root.records = append(root.records, out)
	return nil
}

func (r *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	root := r
	if r.root != nil {
		root = r.root
	}
	return &recorder{attrs: slices.Concat(r.attrs, attrs), root: root}
}

func (r *recorder) WithGroup(string) slog.Handler { return r }

// find is the value of the first record with that message.
func (r *recorder) find(msg, key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range r.records {
		if record.msg == msg {
			return record.attrs[key].String()
		}
	}
	return ""
}

// first is the first record of a preview with that message and, unless key is empty, that value.
func (r *recorder) first(msg, preview, key, value string) (time.Time, map[string]slog.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range r.records {
		if record.msg == msg && strings.HasSuffix(record.attrs["preview"].String(), preview) &&
			(key == "" || record.attrs[key].String() == value) {
			return record.at, record.attrs, nil
		}
	}
	return time.Time{}, nil, fmt.Errorf("the log has no %q of %s", msg, preview)
}
