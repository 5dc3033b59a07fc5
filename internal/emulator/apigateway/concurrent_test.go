package apigateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// Several clients at once, each with an API, a config and a gateway of its own, while others ask the gateways: nobody
// sees anything but what is its own, and nothing is lost.
func TestConcurrentClients(t *testing.T) {
	backend := echo(t, "ok")
	s, err := New(Options{Dir: t.TempDir(), Latency: Latency{Config: time.Millisecond, GatewayCreate: time.Millisecond}, Violation: conformance.FailUnlessRefused(t)})
	if err != nil {
		t.Fatal(err)
	}
	front := s.Front()
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			id := fmt.Sprintf("c%d", i)
			api, gateway := apisPath+"/"+id, gateways+"/"+id
			for _, step := range []struct {
				path, resource string
				body           object
			}{
				{apisPath + "?apiId=" + id, api, object{}},
				{api + "/configs?apiConfigId=one", api + "/configs/one", configBody(document(backend + "/" + id))},
				{gateways + "?gatewayId=" + id, gateway, object{"apiConfig": name(api) + "/configs/one"}},
			} {
				if err := create(s, step.path, step.resource, step.body); err != nil {
					t.Error(err)
					return
				}
			}
			_, g := ask(s, "GET", gateway, nil)
			r := httptest.NewRequest("GET", "/orders/1", nil)
			r.Host = g.str("defaultHostname")
			w := httptest.NewRecorder()
			front.ServeHTTP(w, r)
			if want := "ok /" + id + "/orders/1"; strings.TrimSpace(w.Body.String()) != want {
				t.Errorf("the gateway %s answers %d %s", id, w.Code, w.Body)
			}
		})
	}
	clients.Wait()
	again, err := New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, out := ask(again, "GET", gateways, nil); len(out["gateways"].([]any)) != 4 {
		t.Errorf("after a restart the gateways are %v", out)
	}
}

// create makes a resource and waits until it is ACTIVE.
func create(h http.Handler, path, resource string, body object) error {
	if code, out := ask(h, "POST", path, body); code != http.StatusOK {
		return fmt.Errorf("POST %s: %d %v", path, code, out)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, out := ask(h, "GET", resource, nil); out.str("state") == "ACTIVE" {
			return nil
		}
	}
	return fmt.Errorf("%s does not become ACTIVE", resource)
}

func ask(h http.Handler, method, path string, body object) (int, object) {
	var reader io.Reader
	if body != nil {
		data, _ := json.Marshal(body)
		reader = strings.NewReader(string(data))
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, reader)
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(w, r)
	var out object
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	return w.Code, out
}
