package cloudrun_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const v1 = "/apis/serving.knative.dev/v1/namespaces/shop"

// v1 calls the API v1 at a host.
func (c *cloud) v1(host, method, path string, body any) (int, object) {
	c.Helper()
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			c.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(c.Context(), method, "http://"+host+path, bytes.NewReader(data))
	if err != nil {
		c.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	var o object
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		c.Fatalf("%s %s answers %s", method, path, w.Body.String())
	}
	return w.Code, o
}

const regional = "us-central1-run.googleapis.com"

// rich is a template with something of everything that both APIs can say.
func rich() object {
	return object{
		"revision": "app-one", "labels": object{"team": "shop"}, "annotations": object{"example.com/note": "x"},
		"scaling": object{"minInstanceCount": 1, "maxInstanceCount": 7}, "timeout": "60s", "maxInstanceRequestConcurrency": 11,
		"vpcAccess":      object{"connector": "projects/shop/locations/l/connectors/c", "egress": "PRIVATE_RANGES_ONLY"},
		"serviceAccount": "app@shop.iam.gserviceaccount.com", "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
		"encryptionKey": "projects/shop/locations/l/keyRings/r/cryptoKeys/k", "sessionAffinity": true, "healthCheckDisabled": true,
		"volumes": []any{
			object{"name": "tmp", "emptyDir": object{"medium": "MEMORY", "sizeLimit": "1Mi"}},
			object{"name": "key", "secret": object{"secret": "known", "items": []any{object{"version": "2", "path": "k"}}}},
		},
		"containers": []any{
			object{
				"name": "app", "image": goodRef + ":1", "args": []any{"-v"}, "dependsOn": []any{"side"},
				"ports": []any{object{"name": "http1", "containerPort": 9000}},
				"env": []any{
					object{"name": "MODE", "value": "live"},
					object{"name": "EMPTY"},
					object{"name": "SECRET", "valueSource": object{"secretKeyRef": object{"secret": "known", "version": "3"}}},
				},
				"resources":    object{"limits": object{"cpu": "2", "memory": "1Gi"}, "cpuIdle": true},
				"volumeMounts": []any{object{"name": "tmp", "mountPath": "/tmp/x"}},
			},
			object{"name": "side", "image": goodRef + ":2", "resources": object{"limits": object{"cpu": "1"}}},
		},
	}
}

// What v1 shows and is sent back changes nothing, and what is changed there is changed in v2, and nothing else.
func TestKnativeIsAView(t *testing.T) {
	t.Parallel()
	c := newCloud(t, nil)
	c.api("POST", base+"/services?serviceId=app", object{
		"template": rich(), "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "labels": object{"env": "dev"},
		"customAudiences": []any{"https://shop.example"}, "invokerIamDisabled": true,
	}, 200)
	before := c.rest("app")
	_, shown := c.v1(regional, "GET", v1+"/services/app", nil)
	if status, o := c.v1(regional, "PUT", v1+"/services/app", shown); status != 200 {
		t.Fatalf("status %d: %v", status, o)
	}
	written(before)
	after := c.rest("app")
	written(after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("sent back as it was shown (-before +after):\n%s", diff)
	}

	_, shown = c.v1(regional, "GET", v1+"/services/app", nil)
	template := shown["spec"].(object)["template"].(object)
	template["metadata"].(object)["name"] = "app-two"
	container := template["spec"].(object)["containers"].([]any)[0].(object)
	container["env"].([]any)[0].(object)["value"] = "changed"
	shown["spec"].(object)["traffic"] = []any{
		object{"revisionName": "app-one", "percent": 100}, object{"revisionName": "app-two", "tag": "next"},
	}
	if status, o := c.v1(regional, "PUT", v1+"/services/app", shown); status != 200 {
		t.Fatalf("status %d: %v", status, o)
	}
	want := before["template"].(object)
	want["revision"] = "app-two"
	want["containers"].([]any)[0].(object)["env"].([]any)[0].(object)["value"] = "changed"
	got := c.rest("app")
	if diff := cmp.Diff(want, got["template"]); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
	// The version that was read is not the newest any more.
	if status, o := c.v1(regional, "PUT", v1+"/services/app", shown); status != 409 || !strings.Contains(errorText(o), "was specified but current version is") {
		t.Errorf("a stale version: status %d, %v", status, o)
	}
}

// written takes out what every write changes.
func written(service object) {
	for _, field := range []string{"etag", "generation", "observedGeneration", "updateTime", "terminalCondition", "conditions"} {
		delete(service, field)
	}
}

func errorText(o object) string {
	e, _ := o["error"].(object)
	s, _ := e["message"].(string)
	return s
}

// rest is the service once it has settled.
func (c *cloud) rest(id string) object {
	c.Helper()
	for {
		if v := c.api("GET", base+"/services/"+id, nil, 200); v["reconciling"] == false {
			return v
		}
	}
}

func TestKnativeRefuses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, nil)
	c.api("POST", base+"/services?serviceId=app", object{"template": rich()}, 200)
	c.rest("app")
	_, shown := c.v1(regional, "GET", v1+"/services/app", nil)
	service := func(change func(template object)) object {
		copied := object{}
		data, err := json.Marshal(shown)
		if err == nil {
			err = json.Unmarshal(data, &copied)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(copied["spec"].(object)["template"].(object))
		return copied
	}
	for name, tt := range map[string]struct {
		host, method, path string
		body               any
		status             int
		says               string
	}{
		"no region":         {host: "run.googleapis.com", method: "GET", path: "/services/app", status: 400, says: "regional"},
		"another region":    {host: "europe-west1-run.googleapis.com", method: "GET", path: "/services/app", status: 404, says: "does not exist"},
		"a faulty selector": {host: regional, method: "GET", path: "/revisions?labelSelector=a%20in%20(b)", status: 400, says: "labelSelector"},
		"an annotation that it doesn't know": {
			host: regional, method: "PUT", path: "/services/app", status: 400, says: "cloudsql-instances",
			body: service(func(t object) {
				t["metadata"].(object)["annotations"].(object)["run.googleapis.com/cloudsql-instances"] = "x"
			}),
		},
		"a field that it doesn't know": {
			host: regional, method: "PUT", path: "/services/app", status: 400, says: "envFrom",
			body: service(func(t object) {
				t["spec"].(object)["containers"].([]any)[0].(object)["envFrom"] = []any{object{"prefix": "X"}}
			}),
		},
		"a volume that it doesn't know": {
			host: regional, method: "PUT", path: "/services/app", status: 400, says: "csi",
			body: service(func(t object) {
				t["spec"].(object)["volumes"].([]any)[0].(object)["csi"] = object{"driver": "gcsfuse.run.googleapis.com"}
			}),
		},
		"the latest revision": {host: regional, method: "DELETE", path: "/revisions/app-one", status: 400, says: "only retired"},
		"none with the label": {host: regional, method: "GET", path: "/revisions?labelSelector=team%21%3Dshop", status: 200},
		"those with it":       {host: regional, method: "GET", path: "/revisions?labelSelector=team%3Dshop,serving.knative.dev/service", status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			status, o := c.v1(tt.host, tt.method, v1+tt.path, tt.body)
			if status != tt.status || !strings.Contains(errorText(o), tt.says) {
				t.Errorf("status %d, %v; want %d and %q", status, o, tt.status, tt.says)
			}
			if items, ok := o["items"].([]any); ok && (len(items) == 1) != strings.HasPrefix(name, "those") {
				t.Errorf("%d revisions", len(items))
			}
		})
	}
}
