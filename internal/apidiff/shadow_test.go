package apidiff

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShadowed(t *testing.T) {
	t.Parallel()
	added := map[string][]Operation{
		"orders": {{"GET", "/users/me"}, {"GET", "/{kind}/{id}"}, {"POST", "/users/me"}, {"GET", "/a/{rest=**}"}, {"GET", "/users"}, {"GET", "/new/it"}},
		"users":  {{"GET", "/new/{id}"}, {"GET", "/a/new"}},
	}
	others := map[string][]Operation{
		"users":  {{"GET", "/users/{id}"}, {"GET", "/a/b/c"}, {"DELETE", "/users/me"}, {"GET", "/new/{id}"}, {"GET", "/a/new"}},
		"orders": {{"GET", "/users/{x}"}},
	}
	want := []string{
		"shadowing GET /a/{rest=**} risky; some requests for it go to GET /a/b/c of the service users (risky)",
		"shadowing GET /new/it risky; takes requests from GET /new/{id} of the service users (risky)",
		"shadowing GET /users/me breaking; takes requests from GET /users/{id} of the service users (breaking)",
		"shadowing GET /{kind}/{id} risky; some requests for it go to GET /users/{id} of the service users (risky)",
	}
	place := Place{"orders.yaml", 3, 5}
	got := Shadowed("orders", Side{Places: map[Operation]Place{{"GET", "/users/me"}: place}}, added, others)
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got[2].Place != place || got[2].Service != "orders" {
		t.Errorf("it is at %v of %s", got[2].Place, got[2].Service)
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b   string
		winner int
		ok     bool
	}{
		{"/a", "/b", 0, false},
		{"/a", "/a/b", 0, false},
		{"/a", "/a", 0, true},
		{"/{x}", "/{y}", 0, true},
		{"/a", "/{x}", -1, true},
		{"/{x}", "/a", 1, true},
		{"/a/{x}", "/{y}/b", -1, true},
		{"/a/{x=**}", "/a", 0, false},
		{"/a/{x=**}", "/a/{y}", 1, true},
		{"/{x=**}", "/a/b/c", 1, true},
		{"/{x}/b", "/{y=**}", -1, true},
		{"/", "/{x=**}", 0, false},
	} {
		winner, ok := overlap(parsePath(test.a), parsePath(test.b))
		if ok != test.ok || ok && winner != test.winner {
			t.Errorf("%s and %s: %d, %t", test.a, test.b, winner, ok)
		}
	}
}

// However many operations meet, few are named.
func TestShadowedByMany(t *testing.T) {
	t.Parallel()
	added, others := []Operation{}, []Operation{}
	for i := range 1000 {
		added = append(added, Operation{"GET", fmt.Sprintf("/{x}/k%d", i)})
		others = append(others, Operation{"GET", fmt.Sprintf("/p%d/{y}", i)})
	}
	changes := Shadowed("a", Side{}, map[string][]Operation{"a": added}, map[string][]Operation{"b": others})
	if len(changes) != 1000 || len(changes[0].Details) != maxShadows+1 || changes[0].Details[maxShadows].Text != "and 990 more" {
		t.Errorf("%d changes, the first with %v", len(changes), changes[0].Details)
	}
}
