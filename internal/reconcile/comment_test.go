package reconcile_test

import (
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A pull request with previews on two gateways has one comment, which one worker writes: that of the first gateway, also
// where only the other one has a preview.
func TestOneCommentOfTwoGateways(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin = true
	admin := key
	admin.Gateway = "admin"
	says := func(what string, parts ...string) {
		t.Helper()
		w.until(admin, what, func(preview.Observed) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.comments) == 0 {
				return false
			}
			body := w.comments[len(w.comments)-1].Body
			for _, part := range parts {
				if want := strings.TrimPrefix(part, "!"); strings.Contains(body, want) == (part != want) {
					return false
				}
			}
			return strings.Count(body, "### ") <= 2
		})
	}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	says("one section", "### ✅ Preview is ready", "Gateway `shop` of", "!`admin`")
	w.rests(key)
	w.rests(admin)

	w.want(admin, w.readyOf("catalog", admin, 1, sha("a")))
	w.mark(admin)
	says("two sections", "### ✅ `admin`: Preview is ready", "### ✅ `shop`: Preview is ready", "\n---\n")
	w.rests(admin)

	for _, k := range []preview.Key{key, admin} {
		w.want(k, closed(2))
		w.mark(k)
	}
	says("both are removed", "### 🧹 `admin`: Preview removed", "### 🧹 `shop`: Preview removed")
	w.rests(key)
	w.rests(admin)
	w.mu.Lock()
	defer w.mu.Unlock()
	created := 0
	for _, call := range w.calls {
		if call == "comment 0" {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d comments were created: %q", created, w.calls)
	}
}

// A row of the first gateway's that can't be understood doesn't keep the comment from being written.
func TestCommentBesideAPoisonedRow(t *testing.T) {
	t.Parallel()
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		w := newWorld(t)
		w.admin = true
		admin := key
		admin.Gateway = "admin"
		w.save(admin, owner, []byte(`{"schema": 99}`), false, nil)
		w.start(w.pool)
		w.want(key, w.ready(key, 1, sha("a")))
		w.mark(key)
		w.until(key, "the comment is written", func(o preview.Observed) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.comments) > 0 && strings.Contains(w.comments[len(w.comments)-1].Body, "Preview is ready")
		})
	}
}
