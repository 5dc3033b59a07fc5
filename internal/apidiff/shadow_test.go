package apidiff

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShadowed(t *testing.T) {
	t.Parallel()
	added := []Operation{{"GET", "/users/me"}, {"GET", "/{kind}/{id}"}, {"POST", "/users/me"}, {"GET", "/a/{rest=**}"}, {"GET", "/users"}}
	others := map[string][]Operation{
		"users":  {{"GET", "/users/{id}"}, {"GET", "/a/b/c"}, {"DELETE", "/users/me"}},
		"orders": {{"GET", "/users/{x}"}},
	}
	want := []string{
		"shadowing GET /a/{rest=**} risky; some requests for it go to GET /a/b/c of the service users (risky)",
		"shadowing GET /users/me breaking; takes requests from GET /users/{id} of the service users (breaking)",
		"shadowing GET /{kind}/{id} risky; some requests for it go to GET /users/{id} of the service users (risky)",
	}
	place := Place{"orders.yaml", 3, 5}
	got := Shadowed("orders", Side{Places: map[Operation]Place{{"GET", "/users/me"}: place}}, added, others)
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got[1].Place != place || got[1].Service != "orders" {
		t.Errorf("it is at %v of %s", got[1].Place, got[1].Service)
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
