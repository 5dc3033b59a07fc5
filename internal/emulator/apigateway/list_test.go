package apigateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// statusOnly sets a fault and returns the answer's status, whose body need not be JSON.
func statusOnly(f *fixture, fault object) int {
	w := httptest.NewRecorder()
	body := fmt.Sprintf(`{"method":%q,"effect":%q}`, fault.str("method"), fault.str("effect"))
	f.s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/emulator/apigateway/faults", strings.NewReader(body)))
	return w.Code
}

func (f *fixture) names(path, field string) []string {
	f.t.Helper()
	items, _ := f.do("GET", path, nil)[field].([]any)
	out := []string{}
	for _, i := range items {
		name := object(i.(map[string]any)).str("name")
		out = append(out, name[strings.LastIndexByte(name, '/')+1:])
	}
	return out
}

func TestFilters(t *testing.T) {
	f := newFixture(t, nil)
	for i, labels := range []object{{"team": "a", "pr": "1"}, {"team": "b", "pr": "2"}, {"team": "b"}, {}} {
		f.succeed("POST", fmt.Sprintf("%s?apiId=x%d", apisPath, i), object{"labels": labels, "displayName": fmt.Sprintf("Shop %d", i)})
	}
	for filter, want := range map[string][]string{
		``:                                 {"x0", "x1", "x2", "x3"},
		`labels.team=b`:                    {"x1", "x2"},
		`labels.team:b`:                    {"x1", "x2"},
		`labels.team="b" AND labels.pr:*`:  {"x1"},
		`labels.team=b labels.pr=2`:        {"x1"},
		`labels.team = a OR labels.pr = 2`: {"x0", "x1"},
		`labels:pr`:                        {"x0", "x1"},
		`NOT labels.team:*`:                {"x3"},
		`-labels.team=b`:                   {"x0", "x3"},
		`labels.team!=b`:                   {"x0", "x3"},
		`(labels.team=a OR labels.team=b) state=ACTIVE labels.pr=1`: {"x0"},
		`state=CREATING`:                              {},
		`displayName:"shop 3"`:                        {"x3"},
		`display_name='Shop 2'`:                       {"x2"},
		`name:"apis/x1"`:                              {"x1"},
		`name=projects/demo/locations/global/apis/x2`: {"x2"},
	} {
		if got := f.names(apisPath+"?filter="+url.QueryEscape(filter), "apis"); !slices.Equal(got, want) {
			t.Errorf("filter %s gives %v, want %v", filter, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 5 {
		f.succeed("POST", fmt.Sprintf("%s?apiId=x%d", apisPath, i), object{})
	}
	token, got := "", []string{}
	for range 3 {
		page := f.do("GET", apisPath+"?pageSize=2&pageToken="+token, nil)
		for _, a := range page["apis"].([]any) {
			got = append(got, a.(map[string]any)["name"].(string)[len(name(apisPath))+1:])
		}
		token = page.str("nextPageToken")
		if len(got) == 2 {
			f.succeed("DELETE", apisPath+"/x1", nil) // the last one of the first page
		}
	}
	if want := []string{"x0", "x1", "x2", "x3", "x4"}; token != "" || !slices.Equal(got, want) {
		t.Errorf("the pages hold %v and end with %q", got, token)
	}
	if got := f.names(apisPath+"?orderBy="+url.QueryEscape("createTime desc"), "apis"); !slices.Equal(got, []string{"x4", "x3", "x2", "x0"}) {
		t.Errorf("sorted by time the other way round: %v", got)
	}
}

func TestListsOverAllParents(t *testing.T) {
	f := newFixture(t, nil)
	f.gatewayUp("http://b.example")
	if got := f.names("/v1/projects/demo/locations/-/gateways", "gateways"); !slices.Equal(got, []string{"pr-1"}) {
		t.Errorf("gateways: %v", got)
	}
	if got := f.names(apisPath+"/-/configs", "apiConfigs"); !slices.Equal(got, []string{"c1"}) {
		t.Errorf("configs: %v", got)
	}
	if got := f.names("/v1/projects/demo/locations/global/operations", "operations"); len(got) != 2 {
		t.Errorf("operations: %v", got)
	}
	if got := f.names("/v1/projects/other/locations/-/gateways", "gateways"); len(got) != 0 {
		t.Errorf("gateways of another project: %v", got)
	}
	if got := f.names("/v1/projects/demo/locations", "locations"); !slices.Contains(got, "europe-west1") || !slices.Contains(got, "global") {
		t.Errorf("locations: %v", got)
	}
	if got := f.do("GET", "/v1/projects/demo/locations/us-central1", nil).str("locationId"); got != "us-central1" {
		t.Errorf("the location is %q", got)
	}
}

func TestPolicies(t *testing.T) {
	f := newFixture(t, nil)
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	path := apisPath + "/shop"
	etag := f.do("GET", path+":getIamPolicy?options.requestedPolicyVersion=3", nil).str("etag")
	set := object{"policy": object{"etag": etag, "bindings": []any{object{"role": "roles/viewer", "members": []any{"user:a@example.com"}}}}}
	f.do("POST", path+":setIamPolicy", set)
	got := f.do("GET", path+":getIamPolicy", nil)
	if bindings, _ := got["bindings"].([]any); len(bindings) != 1 || got.str("etag") == etag {
		t.Errorf("the policy is %v", got)
	}
	if code, out := f.call("POST", path+":setIamPolicy", set); code != 409 || out.str("error", "status") != "ABORTED" {
		t.Errorf("an old etag: %d %v", code, out)
	}
	if got := f.do("POST", path+":testIamPermissions", object{"permissions": []any{"a.b.c"}}); len(got["permissions"].([]any)) != 1 {
		t.Errorf("the permissions are %v", got)
	}
	if code, _ := f.call("GET", apisPath+"/none:getIamPolicy", nil); code != 404 {
		t.Errorf("the policy of nothing: %d", code)
	}
}

// Filters come from anywhere: they are refused or work, and never panic or take long.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{`labels.a=b`, `((a=b`, `NOT NOT - a:"\"`, `a="b" OR (c:* d!=e)`, strings.Repeat("(", 4000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		keep, no := parseFilter(filter)
		if (keep == nil) != (no != nil) {
			t.Fatalf("got a filter and an error, or neither, for %q", filter)
		}
		if keep != nil {
			keep(map[string]any{"a": "b", "labels": map[string]any{"a": "b"}})
		}
	})
}
