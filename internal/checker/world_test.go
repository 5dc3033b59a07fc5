package checker

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// object is a JSON object as a far end would send it.
type object = map[string]any

const (
	head  = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
	old   = "0000000e5f60718293a4b5c6d7e8f90123456789"
	repo  = "acme/shop"
	id    = 7
	root  = "projects/acme-dev/locations/"
	label = "gangway-preview"
)

// far is all far ends. One test changes one thing of a world in which all promises hold.
type far struct {
	url, host string

	pulls       []object
	files       map[int][]object
	comments    map[int][]object
	checks      map[string][]object
	deployments []object
	statuses    map[int][]object
	gateways    []object
	configs     []object
	documents   map[string]string
	operations  []object
	breaches    []object
	services    []object
	revisions   map[string][]object
	processes   []object
	builds      []object
	answer      int // of the preview's link
	ready       int // of the health page

	stacks string
	log    string
	same   map[string]string // commit → another with the same files
}

// peace is a world in which all promises hold: pull request 42 is open and live, 41 is closed and gone, 40 changes
// nothing that is served, 39 is open and failed.
func peace(t *testing.T) *far {
	t.Helper()
	f := &far{answer: 200, ready: 200, stacks: t.TempDir(), log: filepath.Join(t.TempDir(), "gangway.log")}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url, f.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	pull := func(number int, state, sha string) object {
		o := object{
			"number": number, "state": state, "title": "Say **hello** to @everybody", "draft": false, "labels": []object{},
			"head": object{"sha": sha, "ref": "feature/${hello}"}, "closed_at": nil,
		}
		if state == "closed" {
			o["closed_at"] = "2026-11-22T10:00:00Z"
		}
		return o
	}
	f.pulls = []object{pull(42, "open", head), pull(41, "closed", old), pull(40, "open", "4040404"), pull(39, "open", "3939393")}
	touched := []object{{"filename": "orders/main.go"}}
	f.files = map[int][]object{
		42: touched, 41: touched, 39: touched, 40: {{"filename": "README.md"}, {"filename": "ordersmith/x.go"}},
	}
	f.comments = map[int][]object{
		42: {
			f.comment(42, "### ✅ Preview is ready · `a1b2c3d`\n**[Open the preview]("+f.url+"/open)**\nHello `@you`"),
			{"body": "LGTM @octocat ![x](y)", "user": object{"login": "octocat"}, "performed_via_github_app": nil},
		},
		41: {f.comment(41, "### 🧹 Preview removed\nIn 3 s.")},
		39: {f.comment(39, "### ❌ Preview failed · `3939393`\n```\n@log ![no](image)\n```\n")},
	}
	f.checks = map[string][]object{
		head:      {{"name": "gangway / shop", "head_sha": head, "status": "completed", "conclusion": "success", "output": object{}}},
		"3939393": {{"name": "gangway / shop", "head_sha": "3939393", "status": "completed", "conclusion": "failure", "output": object{}}},
	}
	f.deployments = []object{
		{"id": 3, "sha": head, "task": "preview-pr-42"},
		{"id": 2, "sha": old, "task": "preview-pr-42"},
		{"id": 1, "sha": old, "task": "preview-pr-41"},
	}
	f.statuses = map[int][]object{
		3: {{"id": 31, "state": "success"}},
		2: {{"id": 22, "state": "inactive"}, {"id": 21, "state": "success"}},
		1: {{"id": 12, "state": "inactive"}, {"id": 11, "state": "success"}},
	}
	f.google()
	f.write(t, f.log, "all is well\n")
	f.write(t, filepath.Join(f.stacks, "development/shop/7-41/state/terraform.tfstate"), `{"resources":[]}`)
	f.write(t, filepath.Join(f.stacks, "development/shop/7-42/state/terraform.tfstate"),
		`{"resources":[{"mode":"managed","instances":[{}]},{"mode":"data","instances":[{}]}]}`)
	f.write(t, filepath.Join(f.stacks, "development/shop/7-42/work/main.tf"), `module "preview" {}`)
	return f
}

// google is Google Cloud's part of peace.
func (f *far) google() {
	f.gateways = []object{
		{
			"name": root + "europe-west1/gateways/shop-pr-42-1a2b3c", "labels": f.labels(42), "state": "ACTIVE",
			"apiConfig": "projects/123/locations/global/apis/shard/configs/shop-pr-42-1a2b3c-00", "defaultHostname": f.host,
			"createTime": "2026-11-22T09:00:00Z",
		},
		{
			"name": root + "europe-west1/gateways/shop", "state": "ACTIVE", "defaultHostname": "shop.localhost",
			"apiConfig": root + "global/apis/shard/configs/shop-1", "createTime": "2026-11-22T08:00:00Z",
		},
	}
	f.configs = []object{
		{
			"name": root + "global/apis/shard/configs/shop-pr-42-1a2b3c-00", "labels": f.labels(42), "state": "ACTIVE",
			"createTime": "2026-11-22T09:00:00Z",
		},
		{"name": root + "global/apis/shard/configs/shop-1", "state": "ACTIVE", "createTime": "2026-11-22T08:00:00Z"},
	}
	f.documents = map[string]string{
		"shop-pr-42-1a2b3c-00": "x-google-backend:\n  address: https://pr-42---orders.run.localhost\n  jwt_audience: https://orders.run.localhost\n",
		"shop-1":               `{"x-google-backend": {"address": "https://orders.run.localhost"}}`,
	}
	f.operations = []object{
		f.operation("create", "global/apis/shard/configs/shop-pr-42-1a2b3c-00", "2026-11-22T09:00:00Z"),
		f.operation("create", "europe-west1/gateways/shop-pr-41-4d5e6f", "2026-11-22T09:30:00Z"),
		f.operation("delete", "europe-west1/gateways/shop-pr-41-4d5e6f", "2026-11-22T10:00:20Z"),
	}
	f.services = []object{{
		"name": root + "europe-west1/services/orders",
		"traffic": []object{
			{"type": "R", "revision": "orders-1", "percent": 100},
			{"type": "R", "revision": "orders-1", "tag": "blue"},
			{"type": "R", "revision": "orders-pr-42", "tag": "pr-42"},
		},
		"trafficStatuses": []object{{"revision": "orders-pr-42", "tag": "pr-42", "uri": "https://pr-42---orders.run.localhost"}},
	}}
	name := root + "europe-west1/services/orders/revisions/"
	preview := f.labels(42)
	maps.Copy(preview, object{"gangway-commit": head, "gangway-generation": "2", "gangway-service": "orders"})
	before := f.labels(42)
	maps.Copy(before, object{"gangway-commit": old, "gangway-generation": "1", "gangway-service": "orders"})
	f.revisions = map[string][]object{"orders": {
		{"name": name + "orders-1", "labels": object{"gangway-commit": old}, "serviceAccount": "shop@x"},
		{"name": name + "orders-pr-42-old", "labels": before, "serviceAccount": "preview@x"},
		{
			"name": name + "orders-pr-42", "labels": preview, "serviceAccount": "preview@x", "containers": []object{{
				"image": "orders@sha256:0", "env": []object{{"name": "CATALOG_URL", "value": "https://pr-42---catalog.run.localhost"}},
			}},
		},
	}}
	f.processes = []object{{"revision": name + "orders-1"}, {"revision": name + "orders-pr-42"}}
	build := func(id string, number int, sha, generation, status, at string) object {
		return object{
			"id": id, "status": status, "createTime": at, "serviceAccount": "projects/acme-dev/serviceAccounts/build@x",
			"tags":          []string{"gangway", "repository-7", "pr-" + strconv.Itoa(number), "g" + generation, "commit-" + sha},
			"substitutions": object{"_SHA": sha, "_DOCKERFILE": "orders/Dockerfile"},
		}
	}
	f.builds = []object{
		build("b2", 42, head, "2", "SUCCESS", "2026-11-22T09:00:00Z"),
		build("b1", 42, old, "1", "SUCCESS", "2026-11-22T08:50:00Z"),
		build("b0", 41, old, "1", "CANCELLED", "2026-11-22T09:59:59Z"),
	}
}

func (f *far) comment(number int, text string) object {
	return object{
		"body":                     fmt.Sprintf("<!-- gangway:preview %d/%d shop -->\n%s", id, number, text),
		"performed_via_github_app": object{"id": 4711},
	}
}

func (f *far) labels(number int) object {
	return object{
		"gangway": "local", label: "0123456789", "gangway-repository": strconv.Itoa(id), "gangway-pr": strconv.Itoa(number),
	}
}

func (f *far) operation(verb, target, at string) object {
	return object{
		"name": "operation-" + verb + target, "done": true,
		"metadata": object{"verb": verb, "target": root + target, "createTime": at},
	}
}

func (f *far) write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// world is what an operator knows of it.
func (f *far) world() World {
	return World{
		GitHub: f.url + "/api/v3/", APIGateway: f.url, CloudRun: f.url, CloudBuild: f.url,
		Project: "acme-dev", Region: "europe-west1", Installation: "local", Repositories: []string{repo},
		Services:     []Service{{Name: "orders", Repository: repo, Paths: []string{"orders"}}},
		BuildAccount: "build@x", RevisionAccount: "preview@x", Stacks: f.stacks, Files: []string{f.log},
		Secrets: []string{"the-webhook-secret"}, Health: []string{f.url + "/readyz"},
		Environment: &Traffic{root + "europe-west1/services/orders": {
			Percent: map[string]int{"orders-1": 100}, Tags: map[string]string{"blue": "orders-1"},
		}},
	}
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == "/open":
		w.WriteHeader(f.answer)
	case path == "/readyz":
		w.WriteHeader(f.ready)
	case strings.HasPrefix(path, "/api/v3/repos/"+repo):
		f.github(w, r, strings.TrimPrefix(path, "/api/v3/repos/"+repo))
	default:
		f.cloud(w, path)
	}
}

func (f *far) github(w http.ResponseWriter, r *http.Request, path string) {
	part := append(strings.Split(strings.TrimPrefix(path, "/"), "/"), "", "")
	number, _ := strconv.Atoi(part[1])
	switch {
	case part[0] == "":
		send(w, object{"id": id})
	case path == "/pulls": // in two pages
		if r.URL.Query().Get("page") == "" {
			w.Header().Set("Link", `<`+f.url+"/api/v3/repos/"+repo+`/pulls?state=all&page=2>; rel="next", <x>; rel="last"`)
			send(w, f.pulls[:1])
			return
		}
		send(w, f.pulls[1:])
	case part[0] == "pulls":
		send(w, f.files[number])
	case part[0] == "issues":
		send(w, f.comments[number])
	case part[0] == "commits":
		send(w, object{"total_count": 1, "check_runs": f.checks[part[1]]})
	case strings.HasPrefix(path, "/git/trees/"):
		content := part[2]
		if other, ok := f.same[content]; ok {
			content = other
		}
		send(w, object{"tree": []object{
			{"path": "orders/main.go", "mode": "100644", "sha": content}, {"path": "README.md", "mode": "100644", "sha": part[2]},
		}})
	case path == "/deployments":
		send(w, f.deployments)
	case part[0] == "deployments":
		send(w, f.statuses[number])
	}
}

func (f *far) cloud(w http.ResponseWriter, path string) {
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case last == "gateways":
		send(w, object{"gateways": f.gateways})
	case last == "apis":
		send(w, object{"apis": []object{{"name": root + "global/apis/shard"}}})
	case last == "configs":
		send(w, object{"apiConfigs": f.configs})
	case strings.Contains(path, "/configs/"):
		for _, c := range f.configs {
			if strings.HasSuffix(path, c["name"].(string)) {
				full := maps.Clone(c)
				full["openapiDocuments"] = []object{{"document": object{"contents": []byte(f.documents[last])}}}
				send(w, full)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	case last == "operations":
		var here []object
		for _, o := range f.operations {
			global := strings.Contains(o["metadata"].(object)["target"].(string), "/global/")
			if global == strings.Contains(path, "/global/") {
				here = append(here, o)
			}
		}
		send(w, object{"operations": here})
	case last == "violations":
		send(w, object{"violations": f.breaches})
	case last == "services":
		send(w, object{"services": f.services})
	case last == "revisions":
		send(w, object{"revisions": f.revisions["orders"]})
	case last == "processes":
		send(w, object{"processes": f.processes})
	case last == "builds":
		send(w, object{"builds": f.builds})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func send(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
