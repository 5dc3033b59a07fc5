package iam_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

const (
	get  = "run.projects.locations.services.get"
	path = "/v2/projects/p/locations/l/services/s"
)

func guard(access *iam.Access, table iam.Table) http.Handler {
	return iam.Guard(access, []*conformance.API{conformance.CloudRunV2()}, table, http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if err := iam.CallerOf(r.Context()).Require(iam.ActAs, "a@x"); err != nil {
				iam.Write(w, err)
				return
			}
			_, _ = io.WriteString(w, "served")
		}))
}

// Who may, may; who may not is refused in Google's form, and everything that was asked for is remembered.
func TestGuard(t *testing.T) {
	t.Parallel()
	access := iam.New(
		iam.Binding{Account: "all@x", Permissions: []string{"run.services.get", iam.ActAs}},
		iam.Binding{Account: "here@x", Permissions: []string{"run.services.get"}, On: []string{"services/s"}},
		iam.Binding{Account: "here@x", Permissions: []string{iam.ActAs}, On: []string{"a@x"}},
		iam.Binding{Account: "there@x", Permissions: []string{"run.services.get"}, On: []string{"services/t"}},
		iam.Binding{Account: "other@x", Permissions: []string{"run.services.get"}},
		iam.Binding{Account: "other@x", Permissions: []string{iam.ActAs}, On: []string{"b@x"}},
	)
	for _, c := range []struct {
		name, authorization string
		table               iam.Table
		path                string
		want                int
	}{
		{"everything", "Bearer " + access.Token("all@x"), iam.Table{get: "run.services.get"}, path, 200},
		{"named resources", "bearer " + access.Token("here@x"), iam.Table{get: "run.services.get"}, path, 200},
		{"another resource", "Bearer " + access.Token("there@x"), iam.Table{get: "run.services.get"}, path, 403},
		{"another account to act as", "Bearer " + access.Token("other@x"), iam.Table{get: "run.services.get"}, path, 403},
		{"an operation without a row", "Bearer " + access.Token("all@x"), nil, path, 403},
		{"an operation that asks for nothing", "Bearer " + access.Token("all@x"), iam.Table{get: ""}, path, 200},
		{"the owner", "Bearer " + iam.OwnerToken, nil, path, 200},
		{"nobody", "", nil, path, 200},
		{"an unknown token", "Bearer x", iam.Table{get: ""}, path, 401},
		{"another scheme", "Basic " + access.Token("all@x"), iam.Table{get: ""}, path, 401},
		{"what is no operation", "Bearer x", nil, "/emulator/faults", 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		r.Header.Set("Authorization", c.authorization)
		w := httptest.NewRecorder()
		guard(access, c.table).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: status %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
	}
	asked := access.Asked()
	for a := range asked {
		if a.Account == iam.Anonymous && a.Client == "" {
			t.Errorf("%v has no client", a)
		}
	}
	if n := asked[iam.Asked{Account: "there@x", Permission: "run.services.get", Denied: true, Resource: "projects/p/locations/l/services/s"}]; n != 1 {
		t.Errorf("the refusal was remembered %d times: %v", n, asked)
	}
}

// The refusal says what is lacking, and on what.
func TestDenied(t *testing.T) {
	t.Parallel()
	access := iam.New()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+":getIamPolicy", nil)
	r.Header.Set("Authorization", "Bearer "+access.Token("a@x"))
	w := httptest.NewRecorder()
	guard(access, iam.Table{get + "IamPolicy": "run.services.getIamPolicy"}).ServeHTTP(w, r)
	var got any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	const resource = "projects/p/locations/l/services/s"
	want := map[string]any{"error": map[string]any{
		"code": 403.0, "status": "PERMISSION_DENIED",
		"message": "Permission 'run.services.getIamPolicy' denied on resource '" + resource + "' (or it may not exist).",
		"details": []any{map[string]any{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com",
			"metadata": map[string]any{"permission": "run.services.getIamPolicy", "resource": resource},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// testIamPermissions is for everybody.
func TestAllowed(t *testing.T) {
	t.Parallel()
	access := iam.New(iam.Binding{Account: "a@x", Permissions: []string{"p", "q"}, On: []string{"services/s"}})
	caller, _ := access.Caller("Bearer "+access.Token("a@x"), "")
	got := []any{
		caller.Allowed([]string{"q", "r"}, "x/services/s"), caller.Allowed([]string{"q"}, "x/services/t"),
		(*iam.Caller)(nil).Allowed([]string{"q"}, "x"), len(access.Asked()),
	}
	want := []any{map[string]any{"permissions": []string{"q"}}, map[string]any{}, map[string]any{"permissions": []string{"q"}}, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}

// Without an Access nobody asks.
func TestNoAccess(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	guard(nil, nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("status %d, want 200", w.Code)
	}
}
