package apidiff

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBehind(t *testing.T) {
	t.Parallel()
	mergeBase := Side{Document: []byte(base)}
	head := replaced(t, `"operationId": "list"`, `"operationId": "list", "deprecated": true`)
	live := replaced(t, `"paths": {`, `"paths": {"/new": {"get": {"responses": {"200": {"description": "ok"}}}},`, `"Lists orders"`, `"All orders"`)
	changes, err := Behind("orders", mergeBase, head, live)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"added GET /new risky; public: anyone may call it (risky)"}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, sides := range map[string][3]Side{
		"live is the merge base":   {mergeBase, head, mergeBase},
		"live is the head":         {mergeBase, live, live},
		"the head has the same by": {mergeBase, replaced(t, `"paths": {`, `"paths": {"/new": {"get": {"responses": {"200": {"description": "!"}}}},`), live},
	} {
		if changes, err := Behind("orders", sides[0], sides[1], sides[2]); err != nil || len(changes) > 0 {
			t.Errorf("%s: behind by %v, %v", name, lines(changes), err)
		}
	}
	// What the head has taken over is not behind, whatever else it changes in the same operation.
	both := replaced(t, `"values": 100`, `"values": 10`, `"operationId": "list"`, `"deprecated": true`)
	cheaper := replaced(t, `"values": 100`, `"values": 10`)
	if changes, err := Behind("orders", mergeBase, both, cheaper); err != nil || len(changes) > 0 {
		t.Errorf("behind by %v, %v", lines(changes), err)
	}
	// What somebody changes in an operation that the head removes is.
	renamed := replaced(t, `"note": {"type": "string"}`, `"note": {"type": "integer"}`)
	without := replaced(t, `"post": {`, `"x-post": {`)
	changes, err = Behind("orders", mergeBase, without, renamed)
	want = []string{
		"changed GET /orders risky; the responses changed (risky)",
		"changed POST /orders risky; the request body changed (risky)",
		"changed GET /orders/{id} risky; the responses changed (risky)",
	}
	if diff := cmp.Diff(want, lines(changes)); diff != "" || err != nil {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	// The merge base is why: against live, the branch seems to remove what others have added.
	if changes, err := Compare("orders", live, head); err != nil || !strings.HasPrefix(strings.Join(lines(changes), "\n"), "removed GET /new") {
		t.Errorf("%v, %v", lines(changes), err)
	}
}
