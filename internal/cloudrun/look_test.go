package cloudrun

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// TestLooks reads what an operator wants to know of services, over pages.
func TestLooks(t *testing.T) {
	const parent = "projects/shop/locations/us-central1/services"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]string{
			"/v2/" + parent: `{"nextPageToken":"x","services":[
				{"name":"` + parent + `/users","ingress":"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
				 "latestReadyRevision":"` + parent + `/users/revisions/users-7",
				 "traffic":[{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST","percent":100}]}]}`,
			"/v2/" + parent + "?x": `{"services":[
				{"name":"` + parent + `/orders","labels":{"team":"a"},"ingress":"INGRESS_TRAFFIC_ALL","traffic":[
				 {"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION","revision":"orders-1","percent":90},
				 {"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION","revision":"orders-2","percent":10,"tag":"canary"}]},
				{"name":"` + parent + `/fresh"}]}`,
			"/v2/" + parent + "/orders:getIamPolicy": `{"bindings":[{"role":"roles/run.invoker","members":["allUsers"]},
				{"role":"roles/run.admin","members":["user:a"],"condition":{"expression":"false"}}]}`,
		}[strings.TrimSuffix(r.URL.Path+"?"+r.URL.Query().Get("pageToken"), "?")]
		if answer == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	client, err := New(t.Context(), Options{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ref := func(name string) preview.ServiceRef {
		return preview.ServiceRef{Project: "shop", Region: "us-central1", Name: name}
	}
	got, err := client.Looks(t.Context(), "shop", "us-central1")
	if err != nil {
		t.Fatal(err)
	}
	want := []Look{
		{Ref: ref("fresh"), Ingress: "all", Follows: true},
		{Ref: ref("orders"), Labels: map[string]string{"team": "a"}, Ingress: "all", Live: "orders-1", Tags: []string{"canary"}},
		{Ref: ref("users"), Ingress: "internal-and-cloud-load-balancing", Follows: true, Live: "users-7"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	roles, err := client.Roles(t.Context(), ref("orders"))
	if diff := cmp.Diff(map[string][]string{"roles/run.invoker": {"allUsers"}}, roles); err != nil || diff != "" {
		t.Errorf("Roles: %v, %s", err, diff)
	}
}
