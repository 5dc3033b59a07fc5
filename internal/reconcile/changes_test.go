package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// path is an operation of a document in OpenAPI 2.0.
func path(p, method, id string) string {
	return "  " + p + ":\n    " + method + ": {operationId: " + id + ", responses: {200: {description: ok}}}\n"
}

// The pull request is compared with where its branch left the base branch: what others have added or removed since then
// is not its doing, and is told as what it lacks.
func TestChangesSinceTheMergeBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mergeBase = "e"
	w.documents = map[string]string{
		"orders.yaml e":  path("/orders", "get", "list") + path("/orders/{id}", "delete", "remove"),
		"orders.yaml b":  path("/orders", "get", "list") + path("/orders/{id}", "delete", "remove") + path("/news", "get", "news"),
		"orders.yaml a":  path("/orders", "get", "list") + path("/special", "get", "special"),
		"catalog.yaml b": path("/{anything}", "get", "catch") + path("/catalog", "get", "list"),
	}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	got := w.until(key, "it is live", serves(1)).Serving.API
	want := &preview.APIChanges{
		MergeBase: sha("e"), Base: sha("b"), Counts: "1 operation added, 1 removed", Breaking: 2, Headline: "DELETE /orders/{id}", Says: "is gone",
		List: []preview.APIChange{
			{Service: "orders", Kind: "removed", Method: "DELETE", Path: "/orders/{id}", Severity: "breaking", File: "orders.yaml", Line: 7, Column: 5},
			{
				Service: "orders", Kind: "added", Method: "GET", Path: "/special", Severity: "risky",
				Details: []string{"public: anyone may call it"}, File: "orders.yaml", Line: 7, Column: 5,
			},
			{
				Service: "orders", Kind: "shadowing", Method: "GET", Path: "/special", Severity: "breaking",
				Details: []string{"takes requests from GET /{anything} of the service catalog"}, File: "orders.yaml", Line: 7, Column: 5,
			},
		},
		Behind: []preview.APIChange{{
			Service: "orders", Kind: "added", Method: "GET", Path: "/news", Severity: "risky", Details: []string{"public: anyone may call it"},
			File: "orders.yaml", Line: 9, Column: 5,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	w.rests(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	body := w.comments[len(w.comments)-1].Body
	if !strings.Contains(body, "**API changes:** 1 operation added, 1 removed, ⚠ 2 breaking — `DELETE /orders/{id}` is gone") ||
		!strings.Contains(body, "the branch is behind `main`, which has changed `GET /news` (new) meanwhile") {
		t.Errorf("the comment says %s", body)
	}
}

// What can't be compared holds nothing up, and is told.
func TestChangesAreUnknown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(w *world)
		want    *preview.APIChanges
	}{
		"GitHub doesn't answer": {
			func(w *world) { w.fail["merge-base"] = errDown },
			&preview.APIChanges{Unknown: []string{"GitHub did not say where the branch began"}},
		},
		"it was not valid before": {
			func(w *world) { w.documents = map[string]string{"orders.yaml b": "  orders: 1\n"} },
			&preview.APIChanges{Unknown: []string{
				"orders could not be compared: its document was not valid before: orders: orders.yaml:4:3: the path \"orders\" does not start with a slash (write /orders)",
			}},
		},
		"previews need an API key": { // which doesn't hide what is public in the environment
			func(w *world) {
				w.access = catalog.AccessAPIKey
				w.documents = map[string]string{"orders.yaml a": path("/orders", "get", "list"), "orders.yaml b": "  {}\n"}
			},
			&preview.APIChanges{
				Counts: "1 operation added", Headline: "GET /orders", Says: "is new and open to the public",
				List: []preview.APIChange{{
					Service: "orders", Kind: "added", Method: "GET", Path: "/orders", Severity: "risky",
					Details: []string{"public: anyone may call it"}, File: "orders.yaml", Line: 5, Column: 5,
				}},
			},
		},
		"it was not there before": {
			func(w *world) {
				w.mergeBase = "e"
				w.documents = map[string]string{"orders.yaml a": path("/orders", "get", "list")}
				w.missing = "orders.yaml e"
			},
			&preview.APIChanges{
				Counts: "1 operation added", Headline: "GET /orders", Says: "is new and open to the public",
				List: []preview.APIChange{{
					Service: "orders", Kind: "added", Method: "GET", Path: "/orders", Severity: "risky",
					Details: []string{"public: anyone may call it"}, File: "orders.yaml", Line: 5, Column: 5,
				}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.prepare(w)
			w.start(w.pool)
			w.want(key, w.ready(key, 1, sha("a")))
			w.mark(key)
			got := w.until(key, "it is live", serves(1)).Serving.API
			got.MergeBase, got.Base = "", ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What was found out once is not looked for again, and not lost while GitHub doesn't answer; a push asks anew.
func TestChangesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.documents = map[string]string{"orders.yaml a": path("/orders", "get", "list") + path("/more", "get", "more")}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	first := w.until(key, "it is live", serves(1)).Serving.API
	if first == nil || first.Counts != "1 operation added" {
		t.Fatalf("changes %+v", first)
	}
	w.rests(key)
	w.change(func() { w.fail["merge-base"], w.fail["branch"] = errDown, errDown })
	w.mark(key)
	w.rests(key)
	_, again := w.observed(key)
	if diff := cmp.Diff(first, again.Serving.API); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	if n := w.count("merge-base"); n != 1 {
		t.Errorf("asked %d times for the merge base", n)
	}
}

// A row holds the worst of very many changes, and says how many are left out.
func TestChangesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := ""
	for i := range 120 {
		many += path(fmt.Sprintf("/orders/%03d", i), "get", fmt.Sprintf("list%d", i))
	}
	w.documents = map[string]string{"orders.yaml a": many, "orders.yaml b": path("/orders/x", "get", "x")}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	api := w.until(key, "it is live", serves(1)).Serving.API
	if len(api.List) != 100 || api.More != 21 || api.List[99].Kind != "removed" || api.Counts != "120 operations added, 1 removed" {
		t.Errorf("%d changes and %d more, %s; the last is %+v", len(api.List), api.More, api.Counts, api.List[99])
	}
}
