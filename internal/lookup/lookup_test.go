package lookup_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gangway-dev/gangway/internal/lookup"
	"github.com/gangway-dev/gangway/internal/preview"
)

// start serves answers by path; one that begins with a status answers with an error.
func start(t *testing.T, answers map[string]string) *lookup.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		switch {
		case !ok:
			t.Errorf("unexpected %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusNotFound)
		case answer == "403":
			w.WriteHeader(http.StatusForbidden)
			answer = `{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}`
		case answer == "404":
			w.WriteHeader(http.StatusNotFound)
			answer = `{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}`
		case strings.HasPrefix(answer, "filter "):
			if got := r.URL.Query().Get("filter"); got != `metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages" AND resource.labels.subscription_id = "dead"` {
				t.Errorf("filter %s", got)
			}
			answer = strings.TrimPrefix(answer, "filter ")
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	client, err := lookup.New(t.Context(), lookup.Options{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestLookups(t *testing.T) {
	c := start(t, map[string]string{
		"/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com": `{"email":"a@p.iam.gserviceaccount.com"}`,
		"/v1/projects/-/serviceAccounts/b@p.iam.gserviceaccount.com": `{"disabled":true}`,
		"/v1/roles/run.viewer":                                        `{"includedPermissions":["run.services.get"]}`,
		"/v1/projects/p/roles/call":                                   `{"includedPermissions":["run.routes.invoke"]}`,
		"/v1/organizations/1/roles/call":                              `{"includedPermissions":["run.routes.invoke"]}`,
		"/v3/projects/p:getIamPolicy":                                 `{"bindings":[{"role":"r","members":["user:a"]},{"role":"c","members":["user:a"],"condition":{"expression":"false"}}]}`,
		"/storage/v1/b/plain":                                         `{"name":"plain"}`,
		"/storage/v1/b/kept":                                          `{"versioning":{"enabled":true},"iamConfiguration":{"publicAccessPrevention":"enforced"}}`,
		"/v3/projects/p/timeSeries":                                   `filter {"timeSeries":[{"points":[{"value":{"int64Value":"7"}},{"value":{"int64Value":"1"}}]}]}`,
		"/v1/projects/p/locations/europe-west1/repositories/previews": `{}`,
	})
	ctx := t.Context()
	for email, want := range map[string]bool{"a@p.iam.gserviceaccount.com": true, "b@p.iam.gserviceaccount.com": false} {
		if enabled, err := c.Account(ctx, email); err != nil || enabled != want {
			t.Errorf("Account(%s) = %v, %v", email, enabled, err)
		}
	}
	for role, want := range map[string]string{
		"roles/run.viewer": "run.services.get", "projects/p/roles/call": "run.routes.invoke", "organizations/1/roles/call": "run.routes.invoke",
	} {
		if got, err := c.RolePermissions(ctx, role); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("RolePermissions(%s) = %v, %v", role, got, err)
		}
	}
	roles, err := c.ProjectRoles(ctx, "p")
	if diff := cmp.Diff(map[string][]string{"r": {"user:a"}}, roles); err != nil || diff != "" {
		t.Errorf("ProjectRoles: %v, %s", err, diff)
	}
	for name, want := range map[string]lookup.Bucket{"plain": {Public: true}, "kept": {Versioned: true}} {
		if got, err := c.Bucket(ctx, name); err != nil || got != want {
			t.Errorf("Bucket(%s) = %+v, %v", name, got, err)
		}
	}
	if n, seen, err := c.Waiting(ctx, "p", "dead", time.Now()); err != nil || !seen || n != 7 {
		t.Errorf("Waiting = %d, %v, %v", n, seen, err)
	}
	if err := c.Images(ctx, "europe-west1-docker.pkg.dev/p/previews/more"); err != nil {
		t.Error(err)
	}
	if err := c.Images(ctx, "gcr.io/p/previews"); err == nil || !strings.Contains(err.Error(), "no repository of Artifact Registry") {
		t.Errorf("another registry: %v", err)
	}
}

// TestRefusals: want of a right, and want of the thing, are told apart.
func TestRefusals(t *testing.T) {
	for answer, check := range map[string]func(error) bool{
		"403": lookup.Denied, "404": func(err error) bool { return errors.Is(err, preview.ErrNotFound) && !lookup.Denied(err) },
	} {
		c := start(t, map[string]string{
			"/v1/projects/-/serviceAccounts/a": answer, "/v1/roles/x": answer, "/v3/projects/p:getIamPolicy": answer,
			"/storage/v1/b/b": answer, "/v3/projects/p/timeSeries": answer, "/v1/projects/p/locations/eu/repositories/r": answer,
		})
		ctx := t.Context()
		_, account := c.Account(ctx, "a")
		_, role := c.RolePermissions(ctx, "roles/x")
		_, project := c.ProjectRoles(ctx, "p")
		_, bucket := c.Bucket(ctx, "b")
		_, _, waiting := c.Waiting(ctx, "p", "s", time.Now())
		for name, err := range map[string]error{
			"account": account, "role": role, "project": project, "bucket": bucket, "waiting": waiting,
			"images": c.Images(ctx, "eu-docker.pkg.dev/p/r"),
		} {
			if err == nil || !check(err) {
				t.Errorf("%s answered with %s: %v", name, answer, err)
			}
		}
	}
	if !lookup.Denied(status.Error(codes.PermissionDenied, "no")) || lookup.Denied(status.Error(codes.NotFound, "no")) || lookup.Denied(nil) {
		t.Error("gRPC's codes are mistaken")
	}
}
