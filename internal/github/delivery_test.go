package github_test

import (
	"net/http"
	"testing"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
)

// failingHook is a world whose webhook answers what hook says, with two deliveries of pull requests that have failed.
func failingHook(t *testing.T) (*world, *hook) {
	t.Helper()
	w := newWorld(t)
	status := http.StatusServiceUnavailable
	hook := newHook(t, &status)
	w.hub.SetWebhook(emulator.Webhook{URL: hook.url, Secret: "s"})
	for range 2 {
		w.open(t, emulator.NewPull{})
	}
	if _, err := w.hub.Comment(t.Context(), "acme/shop", 1, "octocat", "hello"); err != nil { // no pull_request event
		t.Fatal(err)
	}
	w.hub.Wait()
	return w, hook
}

func (w *world) redeliver(t *testing.T, c *github.Client, since time.Time, want int) {
	t.Helper()
	if got := must[int](t)(c.RedeliverFailed(t.Context(), since)); got != want {
		t.Errorf("%d deliveries, want %d", got, want)
	}
	w.hub.Wait()
}

func TestRedeliverFailed(t *testing.T) {
	w, hook := failingHook(t)
	begin := w.now().Add(-time.Minute)
	w.redeliver(t, w.Client, w.now().Add(time.Hour), 0)
	w.redeliver(t, w.Client, begin, 2) // still failing: each has two failed attempts now
	hook.set(http.StatusAccepted)
	w.redeliver(t, w.Client, begin, 0) // not yet
	w.advance(3 * time.Minute)
	w.redeliver(t, w.Client, begin, 2)
	w.redeliver(t, w.Client, begin, 0)
	for n := range 120 { // more than a page of good ones
		if _, err := w.hub.SetLabel(t.Context(), "acme/shop", 1, "l", n%2 == 0); err != nil {
			t.Fatal(err)
		}
		w.hub.Wait()
		if n == 0 {
			hook.set(http.StatusInternalServerError)
			w.open(t, emulator.NewPull{})
			w.hub.Wait()
			hook.set(http.StatusOK)
		}
	}
	w.redeliver(t, w.Client, begin, 1)
	if got := hook.guids(); got[len(got)-1] == "" {
		t.Error("no GUID")
	}
}

// One that keeps failing is not asked for at each sweep, and not for ever, though each look only reads the newest part of
// the list, and though the process is started anew.
func TestRedeliverEnds(t *testing.T) {
	w, hook := failingHook(t)
	client := w.Client
	asked := func() int { return w.count("POST", "/app/hook/deliveries/") }
	since := w.now().Add(-72 * time.Hour)
	var restarted int
	for sweep := range 12 * 48 { // two days of sweeps every five minutes
		if sweep == 3 {
			restarted = asked()
			client, since = w.client(t, w.url), w.now().Add(-72*time.Hour)
		}
		if _, err := client.RedeliverFailed(t.Context(), since); err != nil {
			t.Fatal(err)
		}
		if sweep == 3 && asked() != restarted {
			t.Errorf("after a restart %d were asked for at once", asked()-restarted)
		}
		w.hub.Wait()
		since = w.now().Add(-10 * time.Minute)
		w.advance(5 * time.Minute)
	}
	const attempts = 10
	if got := asked(); got != 2*(attempts-1) {
		t.Errorf("asked %d times for two deliveries, want %d", got, 2*(attempts-1))
	}
	if got := len(hook.guids()) - 1 - 1; got != 2*attempts { // one delivery is of a comment
		t.Errorf("delivered %d times, want %d", got, 2*attempts)
	}
}

// What GitHub does not want to send again is not asked for again, and keeps nothing else from being.
func TestRedeliverRefused(t *testing.T) {
	w, hook := failingHook(t)
	hook.set(http.StatusAccepted)
	begin := w.now().Add(-time.Minute)
	w.fault(t, emulator.Fault{Method: "POST", Path: "/app/hook/deliveries/", Kind: emulator.FaultNotFound})
	if count, err := w.RedeliverFailed(t.Context(), begin); count != 1 || err == nil {
		t.Errorf("%d deliveries, %v", count, err)
	}
	w.hub.Wait()
	w.advance(time.Hour)
	w.redeliver(t, w.Client, begin, 0)
}
