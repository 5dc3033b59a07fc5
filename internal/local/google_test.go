package local

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A resource is a gateway or an API config.
type resource struct {
	Name      string            `json:"name"`
	State     string            `json:"state"`
	Labels    map[string]string `json:"labels"`
	APIConfig string            `json:"apiConfig"`
}

func (r resource) name() string { return r.Name[strings.LastIndexByte(r.Name, '/')+1:] }

func (w *world) apiGateway(path string) string {
	return w.Endpoints.APIGateway + "/v1/projects/" + Project + "/locations/" + path
}

func (w *world) gateways(t *testing.T) []resource {
	t.Helper()
	var list struct{ Gateways []resource }
	if err := w.api.call(lasting(t), http.MethodGet, w.apiGateway(Region+"/gateways?pageSize=1000"), nil, &list); err != nil {
		t.Fatal(err)
	}
	return list.Gateways
}

// configs are those of all API shards.
func (w *world) configs(t *testing.T) []resource {
	t.Helper()
	var all []resource
	for _, api := range []string{"shop-previews-1", "shop-previews-2"} {
		var list struct {
			APIConfigs []resource `json:"apiConfigs"`
		}
		url := w.apiGateway("global/apis/" + api + "/configs?pageSize=1000")
		if err := w.api.call(lasting(t), http.MethodGet, url, nil, &list); err != nil {
			t.Fatal(err)
		}
		all = append(all, list.APIConfigs...)
	}
	return all
}

// slow changes how long API Gateway takes, until the test ends.
func (w *world) slow(t *testing.T, latency object) {
	t.Helper()
	url := w.Endpoints.APIGateway + "/emulator/apigateway/settings"
	var before struct {
		Latency json.RawMessage `json:"latency"`
	}
	if err := w.api.call(lasting(t), http.MethodGet, url, nil, &before); err != nil {
		t.Fatal(err)
	}
	if err := w.api.call(lasting(t), http.MethodPatch, url, object{"latency": latency}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.api.call(lasting(t), http.MethodPatch, url, object{"latency": before.Latency}, nil); err != nil {
			t.Log(err)
		}
	})
}

// A target is an entry of a Cloud Run service's traffic.
type target struct {
	Type     string `json:"type,omitempty"`
	Revision string `json:"revision,omitempty"`
	Percent  int    `json:"percent,omitempty"`
	Tag      string `json:"tag,omitempty"`
}

func (w *world) traffic(t *testing.T, service string) []target {
	t.Helper()
	var s struct{ Traffic []target }
	if err := w.api.call(lasting(t), http.MethodGet, w.serviceURL(service), nil, &s); err != nil {
		t.Fatal(err)
	}
	return s.Traffic
}

// setTraffic writes the traffic as a deployer who knows nothing of previews would: read, change, write.
func (w *world) setTraffic(t *testing.T, service string, change func([]target) []target) {
	t.Helper()
	w.write(t, service, nil, change)
}

// write is setTraffic with another template, unless that is nil.
func (w *world) write(t *testing.T, service string, template object, change func([]target) []target) {
	t.Helper()
	mask := "traffic"
	if template != nil {
		mask = "template,traffic"
	}
	var err error
	for range 20 { // others write too
		var s struct {
			Etag     string   `json:"etag"`
			Traffic  []target `json:"traffic"`
			Template any      `json:"template,omitempty"`
		}
		if err = w.api.call(lasting(t), http.MethodGet, w.serviceURL(service), nil, &s); err != nil {
			break
		}
		s.Traffic, s.Template = change(s.Traffic), nil
		if template != nil {
			s.Template = template
		}
		err = w.api.do(lasting(t), http.MethodPatch, w.serviceURL(service)+"?updateMask="+mask, s, w.Endpoints.CloudRun+"/v2")
		if err == nil {
			return
		}
	}
	t.Fatal(err)
}

// A revision is one of Cloud Run's.
type revision struct {
	Name           string            `json:"name"`
	Labels         map[string]string `json:"labels"`
	ServiceAccount string            `json:"serviceAccount"`
	Containers     []struct {
		Image string `json:"image"`
		Env   []struct{ Name, Value string }
	} `json:"containers"`
}

func (r revision) env() map[string]string {
	env := map[string]string{}
	for _, e := range r.Containers[0].Env {
		env[e.Name] = e.Value
	}
	return env
}

// tagged is the revision under the pull request's tag.
func (p *pr) tagged(service string) revision {
	p.t.Helper()
	for _, traffic := range p.traffic(p.t, service) {
		if traffic.Tag == p.tag() {
			var r revision
			if err := p.api.call(p.t.Context(), http.MethodGet, p.serviceURL(service)+"/revisions/"+traffic.Revision, nil, &r); err != nil {
				p.t.Fatal(err)
			}
			return r
		}
	}
	p.t.Fatalf("%s has no tag %s", service, p.tag())
	return revision{}
}

// breakBuilds lets the next builds that carry a tag end by Cloud Build's own fault.
func (w *world) breakBuilds(t *testing.T, n int, tag string) {
	t.Helper()
	faults := object{"broken_builds": n, "broken_tag": tag}
	if err := w.api.call(lasting(t), http.MethodPut, w.Endpoints.CloudBuild+"/emulator/faults", faults, nil); err != nil {
		t.Fatal(err)
	}
}

// publish publishes a message as anybody could who may publish.
func (w *world) publish(t *testing.T, topic, message string) {
	t.Helper()
	if err := w.PubSub.Publish(t.Context(), Project, topic, []byte(message), nil); err != nil {
		t.Fatal(err)
	}
}

// aDocument is the smallest document that API Gateway takes, in base64.
var aDocument = base64.StdEncoding.EncodeToString([]byte(`swagger: "2.0"
info: {title: left, version: "1"}
paths:
  /x:
    get:
      operationId: x
      x-google-backend: {address: "http://127.0.0.1:1"}
      responses: {"200": {description: ok}}
`))
