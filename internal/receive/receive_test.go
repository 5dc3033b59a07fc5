package receive_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

const (
	oldSecret = telemetry.Secret("the old secret")
	newSecret = telemetry.Secret("the new secret")
	guid      = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
	small     = `{"action":"opened","number":42,"repository":{"id":7,"full_name":"acme/shop"},"installation":{"id":9}}`
)

// published remembers what was published, or refuses with err.
type published struct {
	err error

	mu    sync.Mutex
	hints []preview.PullRequestHint
}

func (p *published) Publish(ctx context.Context, topic string, data []byte, _ map[string]string) error {
	if p.err != nil {
		return p.err
	}
	var hint preview.PullRequestHint
	if err := json.Unmarshal(data, &hint); err != nil {
		return err
	}
	if topic != preview.TopicPullRequests {
		return errors.New("wrong topic")
	}
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("no deadline")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hints = append(p.hints, hint)
	return nil
}

func handler(p receive.Publisher, change func(*receive.Options)) http.Handler {
	o := receive.Options{
		Secrets:   func() []telemetry.Secret { return []telemetry.Secret{oldSecret, "", newSecret} },
		Publisher: p,
		Log:       slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	return receive.New(o)
}

func sign(secret telemetry.Secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery is a proper signed delivery of body.
func delivery(t testing.TB, body string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, receive.Path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", guid)
	r.Header.Set("X-Hub-Signature-256", sign(newSecret, body))
	return r
}

func TestDeliveryIsPublished(t *testing.T) {
	t.Parallel()
	opened, err := os.ReadFile("testdata/pull_request.opened.json")
	if err != nil {
		t.Fatal(err)
	}
	p := &published{}
	w := httptest.NewRecorder()
	handler(p, nil).ServeHTTP(w, delivery(t, string(opened)))
	if w.Code != http.StatusAccepted {
		t.Fatalf("status = %d %s", w.Code, w.Body)
	}
	want := []preview.PullRequestHint{{
		Version: preview.HintVersion, DeliveryID: guid, Event: "pull_request", Action: "opened",
		Installation: 51234567, Repository: 812345678, FullName: "acme/shop", PullRequest: 42,
		Change: preview.ChangeID(812345678, 42, strings.Repeat("a1b2c3d4", 5)),
	}}
	if diff := cmp.Diff(want, p.hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	set := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	signedAs := func(value string) func(*http.Request) { return set("X-Hub-Signature-256", value) }
	hexOf := strings.TrimPrefix(sign(newSecret, small), "sha256=")
	for _, c := range []struct {
		name      string
		body      string
		change    func(*http.Request)
		status    int
		published bool
	}{
		{"proper", small, nil, 202, true},
		{"old secret", small, signedAs(sign(oldSecret, small)), 202, true},
		{"empty secret", small, signedAs(sign("", small)), 403, false},
		{"other secret", small, signedAs(sign("x", small)), 403, false},
		{"other body", small + " ", signedAs(sign(newSecret, small)), 403, false},
		{"no signature", small, func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 401, false},
		{"SHA-1 only", small, func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1="+hexOf[:40])
		}, 401, false},
		{"SHA-1 in the header of SHA-256", small, signedAs("sha1=" + hexOf[:40]), 401, false},
		{"no prefix", small, signedAs(hexOf), 401, false},
		{"upper-case hex", small, signedAs("sha256=" + strings.ToUpper(hexOf)), 401, false},
		{"upper-case prefix", small, signedAs("SHA256=" + hexOf), 401, false},
		{"too short", small, signedAs("sha256=" + hexOf[:62]), 401, false},
		{"too long", small, signedAs("sha256=" + hexOf + "00"), 401, false},
		{"not hex", small, signedAs("sha256=" + strings.Repeat("g", 64)), 401, false},
		{"two signatures", small, func(r *http.Request) {
			r.Header.Add("X-Hub-Signature-256", sign(newSecret, small))
		}, 401, false},
		{"form", small, set("Content-Type", "application/x-www-form-urlencoded"), 415, false},
		{"no type", small, func(r *http.Request) { r.Header.Del("Content-Type") }, 415, false},
		{"UTF-8", small, set("Content-Type", "application/json; charset=UTF-8"), 202, true},
		{"UTF-16", small, set("Content-Type", "application/json; charset=utf-16"), 415, false},
		{"compressed", small, set("Content-Encoding", "gzip"), 415, false},
		{"GET", small, func(r *http.Request) { r.Method = http.MethodGet }, 405, false},
		{"ping", `{"zen":"Keep it logically awesome.","hook_id":1}`, set("X-GitHub-Event", "ping"), 202, false},
		{"other event", small, set("X-GitHub-Event", "issue_comment"), 202, false},
		{"no event", small, func(r *http.Request) { r.Header.Del("X-GitHub-Event") }, 202, false},
		{"two events", small, func(r *http.Request) { r.Header.Add("X-GitHub-Event", "ping") }, 202, false},
		{"unknown action", strings.Replace(small, "opened", "new_thing", 1), nil, 202, true},
		{"truncated", small[:40], nil, 400, false},
		{"empty", "", nil, 400, false},
		{"no repository", `{"action":"opened","number":42}`, nil, 400, false},
		{"null repository", `{"action":"opened","number":42,"repository":null}`, nil, 400, false},
		{"huge number", strings.Replace(small, "42", "99999999999", 1), nil, 400, false},
		{"negative number", strings.Replace(small, "42", "-42", 1), nil, 400, false},
		{"number as text", strings.Replace(small, "42", `"42"`, 1), nil, 400, false},
		{"deep", strings.Repeat("[", 100_000), nil, 400, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &published{}
			r := delivery(t, c.body)
			if c.change != nil {
				c.change(r)
			}
			w := httptest.NewRecorder()
			handler(p, nil).ServeHTTP(w, r)
			if w.Code != c.status || len(p.hints) > 0 != c.published {
				t.Errorf("status = %d, published %d; want %d, %v", w.Code, len(p.hints), c.status, c.published)
			}
		})
	}
}

func TestNoSecretsNoDeliveries(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	handler(&published{}, func(o *receive.Options) {
		o.Secrets = func() []telemetry.Secret { return nil }
	}).ServeHTTP(w, delivery(t, small))
	if w.Code != http.StatusForbidden {
		t.Errorf("status = %d", w.Code)
	}
}

func TestOddFieldsStayOutOfTheHint(t *testing.T) {
	t.Parallel()
	p := &published{}
	body := `{"action":"a\nb","number":42,"repository":{"id":7,"full_name":"../x\u0000"},"installation":{"id":-9}}`
	r := delivery(t, body)
	r.Header.Set("X-GitHub-Delivery", "not a GUID\x1b[31m")
	w := httptest.NewRecorder()
	handler(p, nil).ServeHTTP(w, r)
	want := []preview.PullRequestHint{{Version: 1, Event: "pull_request", Repository: 7, PullRequest: 42}}
	if diff := cmp.Diff(want, p.hints); diff != "" || w.Code != http.StatusAccepted {
		t.Errorf("status %d, hints (-want +got):\n%s", w.Code, diff)
	}
}

func TestNotPublishedIsNotAccepted(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	change := func(o *receive.Options) {
		o.Timeout = 20 * time.Millisecond
		o.Log = slog.New(slog.NewJSONHandler(&logged, nil))
	}
	w := httptest.NewRecorder()
	handler(&published{err: errors.New("pub/sub is down")}, change).ServeHTTP(w, delivery(t, small))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "pub/sub is down") {
		t.Errorf("down: %d %q", w.Code, w.Body)
	}
	if !strings.Contains(logged.String(), "pub/sub is down") || !strings.Contains(logged.String(), guid) {
		t.Errorf("the log lacks reason or delivery id: %s", logged.String())
	}
	w = httptest.NewRecorder()
	handler(never{}, change).ServeHTTP(w, delivery(t, small))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("hanging: %d %q", w.Code, w.Body)
	}
}

// never confirms nothing.
type never struct{}

func (never) Publish(ctx context.Context, _ string, _ []byte, _ map[string]string) error {
	<-ctx.Done()
	return ctx.Err()
}

// endless is a body that has no end, and counts how much of it was read.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	return len(p), nil
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	h := handler(&published{}, func(o *receive.Options) { o.MaxBody = limit })
	for _, c := range []struct {
		name     string
		announce int64 // Content-Length
		most     int64 // bytes that may be read
	}{
		{"announced", limit + 1, 0},
		{"unannounced", -1, limit + 64<<10},
	} {
		body := &endless{}
		r := delivery(t, small)
		r.Body, r.ContentLength = io.NopCloser(body), c.announce
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || body.read > c.most {
			t.Errorf("%s: status %d after %d bytes", c.name, w.Code, body.read)
		}
	}
	filler := small[:len(small)-1] + `,"x":"` + strings.Repeat("x", limit-len(small)-len(`,"x":""`)) + `"}`
	w := httptest.NewRecorder()
	h.ServeHTTP(w, delivery(t, filler))
	if len(filler) != limit || w.Code != http.StatusAccepted {
		t.Errorf("a body of %d bytes: %d", len(filler), w.Code)
	}
}

func TestManyLargeBodiesAtOnceAreRefused(t *testing.T) {
	t.Parallel()
	h := handler(&published{}, func(o *receive.Options) { o.Timeout = 50 * time.Millisecond })
	reading, leave := make(chan struct{}), make(chan struct{})
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			r := delivery(t, small)
			r.Body, r.ContentLength = io.NopCloser(&stalled{reading: reading, leave: leave}), 10<<20
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
		<-reading
	}
	r := delivery(t, small)
	r.ContentLength = 10 << 20
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("third large body: %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, delivery(t, small))
	if w.Code != http.StatusAccepted {
		t.Errorf("small body beside: %d", w.Code)
	}
	close(leave)
	waiting.Wait()
}

// stalled is a body that says when it is read, and ends when it is told to.
type stalled struct {
	reading chan<- struct{}
	leave   <-chan struct{}
}

func (s *stalled) Read([]byte) (int, error) {
	s.reading <- struct{}{}
	<-s.leave
	return 0, io.ErrUnexpectedEOF
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(handler(&published{}, func(o *receive.Options) { o.Timeout = 50 * time.Millisecond }))
	defer s.Close()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "POST "+receive.Path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"X-Hub-Signature-256: "+sign(newSecret, small)+"\r\nContent-Length: 100\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(io.LimitReader(c, 1<<16)) // the server hangs up
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) {
		t.Errorf("answer = %q, %v", answer, err)
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	h := handler(&published{}, func(o *receive.Options) { o.Metrics = registry })
	other := delivery(t, small)
	other.Header.Set("X-GitHub-Event", "made-up-by-"+strings.Repeat("x", 1000))
	forged := delivery(t, small)
	forged.Header.Set("X-Hub-Signature-256", sign("x", small))
	for _, r := range []*http.Request{delivery(t, small), delivery(t, small), other, forged} {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetCounter() == nil {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{"pull_request published": 2, "other ignored": 1, "pull_request forged": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// FuzzDelivery sends any body with any headers: no panic, and nothing is published without the right signature.
func FuzzDelivery(f *testing.F) {
	f.Add([]byte(small), "pull_request", sign(newSecret, small), "application/json", guid, true)
	f.Add([]byte(`{`), "ping", "sha1=00", "text/plain; x", "", false)
	f.Fuzz(func(t *testing.T, body []byte, event, signature, contentType, id string, signed bool) {
		p := &published{}
		r := delivery(t, string(body))
		r.Header["X-Github-Event"] = []string{event}
		r.Header["Content-Type"] = []string{contentType}
		r.Header["X-Github-Delivery"] = []string{id}
		if !signed {
			r.Header["X-Hub-Signature-256"] = []string{signature}
		}
		w := httptest.NewRecorder()
		handler(p, nil).ServeHTTP(w, r)
		right := signed || signature == sign(newSecret, string(body)) || signature == sign(oldSecret, string(body))
		if !right && (len(p.hints) > 0 || w.Code < 400) {
			t.Errorf("status %d, published %v without the right signature", w.Code, p.hints)
		}
		for _, hint := range p.hints {
			if hint.Repository <= 0 || hint.PullRequest <= 0 || w.Code != http.StatusAccepted {
				t.Errorf("status %d for %+v", w.Code, hint)
			}
		}
	})
}
