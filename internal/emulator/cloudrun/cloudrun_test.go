package cloudrun_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudrun"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/identity"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// role makes the test binary a revision.
const role = "CLOUDRUN_TEST_REVISION"

const (
	base    = "/v2/projects/shop/locations/us-central1"
	caller  = "gateway@shop.iam.gserviceaccount.com"
	nobody  = "nobody@shop.iam.gserviceaccount.com"
	goodRef = "us-docker.pkg.dev/shop/images/app"
)

func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(role) != "" {
		if err := revision(); err != nil {
			fmt.Println("revision:", err)
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

// revision serves as a container does.
func revision() error {
	if os.Getenv("CRASH") != "" {
		return errors.New("no database")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Revision", os.Getenv("K_REVISION"))
		_ = json.NewEncoder(w).Encode(map[string]any{
			"service": os.Getenv("K_SERVICE"), "greeting": os.Getenv("GREETING"), "secret": os.Getenv("SECRET"),
			"path": r.URL.RequestURI(), "host": r.Host, "header": r.Header, "pid": os.Getpid(),
		})
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) { relay(w, r, metadataURL(r.URL.Query().Get("path"))) })
	mux.HandleFunc("/fetch", func(w http.ResponseWriter, r *http.Request) { relay(w, r, r.URL.Query().Get("url")) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

func metadataURL(path string) string {
	return "http://" + os.Getenv("GCE_METADATA_HOST") + "/computeMetadata/v1/" + path
}

func relay(w http.ResponseWriter, r *http.Request, address string) {
	req, err := http.NewRequestWithContext(r.Context(), "GET", address, nil)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	req.Header.Set("Metadata-Flavor", r.Header.Get("Flavor"))
	req.Header.Set("Authorization", r.Header.Get("Pass-Authorization"))
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// images has one image, the test binary.
type images struct{}

func (images) Get(ref string) (image.Image, error) {
	if !strings.HasPrefix(ref, goodRef) {
		return image.Image{}, image.ErrNotFound
	}
	return image.Image{
		Digest: "sha256:" + strings.Repeat("a", 64),
		Config: image.Config{Entrypoint: []string{os.Args[0]}, Env: []string{role + "=1", "PATH=/bin"}},
		Root:   os.TempDir(),
	}, nil
}

// A cloud is the emulator with an edge before it.
type cloud struct {
	*testing.T
	server *cloudrun.Server
	tokens *identity.Issuer
	edge   *httptest.Server
	port   int
}

func newCloud(t *testing.T, change func(*cloudrun.Options)) *cloud {
	t.Helper()
	c := &cloud{T: t}
	var err error
	if c.tokens, err = identity.New(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	c.edge = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.server.Owns(r.Host) {
			http.Error(w, "not ours", http.StatusBadGateway)
			return
		}
		c.server.Front().ServeHTTP(w, r)
	}))
	t.Cleanup(c.edge.Close)
	_, port, _ := net.SplitHostPort(c.edge.Listener.Addr().String())
	c.port, _ = strconv.Atoi(port)
	o := cloudrun.Options{
		Dir: t.TempDir(), Images: images{}, Identity: c.tokens, EdgePort: func() int { return c.port },
		StartTimeout: 30 * time.Second, Violation: conformance.FailUnlessRefused(t),
		Secret: func(_, name, version string) (string, bool) {
			return "value of " + name + "@" + version, name == "known"
		},
	}
	if change != nil {
		change(&o)
	}
	c.start(o)
	return c
}

func (c *cloud) start(o cloudrun.Options) {
	c.Helper()
	server, err := cloudrun.New(o)
	if err != nil {
		c.Fatal(err)
	}
	c.server = server
	c.Cleanup(server.Close)
}

type object = map[string]any

// api calls the API and wants a status.
func (c *cloud) api(method, path string, body any, want int) object {
	c.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		c.Fatal(err)
	}
	if body == nil {
		data = nil
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(c.Context(), method, path, bytes.NewReader(data))
	r.Header.Set("Content-Type", "application/json")
	c.server.ServeHTTP(w, r)
	if w.Code != want {
		c.Fatalf("%s %s: status %d, want %d:\n%s", method, path, w.Code, want, w.Body)
	}
	var o object
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		c.Fatal(err)
	}
	return o
}

func template(revision, greeting string) object {
	t := object{"containers": []object{{
		"image": goodRef + "@sha256:" + strings.Repeat("a", 64), "env": []object{{"name": "GREETING", "value": greeting}},
	}}}
	if revision != "" {
		t["revision"] = revision
	}
	return t
}

// create makes the service orders with revision orders-1, pinned.
func (c *cloud) create() {
	c.Helper()
	c.api("POST", base+"/services?serviceId=orders", object{"template": template("orders-1", "one")}, 200)
	c.settled()
	c.api("PATCH", base+"/services/orders?updateMask=traffic", object{"traffic": []object{
		{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-1", "percent": 100},
	}}, 200)
	c.allow("serviceAccount:" + caller)
	c.settled()
}

func (c *cloud) allow(members ...string) {
	c.Helper()
	c.api("POST", base+"/services/orders:setIamPolicy", object{"policy": object{
		"bindings": []object{{"role": "roles/run.invoker", "members": members}},
	}}, 200)
}

// tag deploys a revision without traffic under a tag.
func (c *cloud) tag(tag, revision, greeting string) object {
	c.Helper()
	v := c.api("GET", base+"/services/orders", nil, 200)
	traffic := append(v["traffic"].([]any), object{"type": 2, "revision": revision, "tag": tag})
	c.api("PATCH", base+"/services/orders?updateMask=template,traffic",
		object{"template": template(revision, greeting), "traffic": traffic, "etag": v["etag"]}, 200)
	return c.settled()
}

// settled waits until the service is not reconciling.
func (c *cloud) settled() object {
	c.Helper()
	for range 3000 {
		v := c.api("GET", base+"/services/orders", nil, 200)
		if v["reconciling"] == false {
			return v
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Fatal("the service doesn't settle")
	return nil
}

// status finds the entry of a tag in trafficStatuses.
func status(v object, tag string) object {
	statuses, _ := v["trafficStatuses"].([]any)
	for _, s := range statuses {
		if s := s.(object); s["tag"] == tag {
			return s
		}
	}
	return nil
}

// get calls a URL of the front through the edge, as a proxy's client would, with a token for audience when it is set.
func (c *cloud) get(address, email, audience string, header ...string) (int, string, http.Header) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), "GET", address, nil)
	if err != nil {
		c.Fatal(err)
	}
	if audience != "" {
		token, err := c.tokens.IDToken(email, audience)
		if err != nil {
			c.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for n := 0; n+1 < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	edge, err := url.Parse(c.edge.URL)
	if err != nil {
		c.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(edge), DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func TestDeployUnderATag(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	v := c.tag("pr-7", "orders-pr-7", "seven")
	own := v["uri"].(string)
	tagged, _ := status(v, "pr-7")["uri"].(string)
	if want := strings.Replace(own, "http://", "http://pr-7---", 1); tagged != want {
		t.Fatalf("URL of the tag %q, want %q", tagged, want)
	}
	for address, want := range map[string]string{own: "orders-1", tagged: "orders-pr-7"} {
		code, body, header := c.get(address+"/orders?limit=2", caller, own)
		if code != 200 || header.Get("Revision") != want || !strings.Contains(body, `"path":"/orders?limit=2"`) {
			t.Errorf("%s: status %d, revision %q:\n%s", address, code, header.Get("Revision"), body)
		}
		if !strings.Contains(body, "SIGNATURE_REMOVED_BY_GOOGLE") || !strings.Contains(body, `"host":"`+strings.TrimPrefix(address, "http://")) {
			t.Errorf("%s: headers:\n%s", address, body)
		}
	}
}

func TestFrontRefuses(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	v := c.tag("pr-7", "orders-pr-7", "seven")
	own, tagged := v["uri"].(string), status(v, "pr-7")["uri"].(string)
	tests := map[string]struct {
		address, email, audience string
		want                     int
	}{
		"no token":                 {own, "", "", 403},
		"tag's URL as audience":    {tagged, caller, tagged, 401},
		"another audience":         {own, caller, "http://users.run.localhost", 401},
		"no invoker":               {tagged, nobody, own, 403},
		"unknown tag":              {strings.Replace(tagged, "pr-7", "pr-8", 1), caller, own, 404},
		"unknown service":          {strings.Replace(own, "orders", "users", 1), caller, own, 404},
		"path of the platform":     {own + "/healthz", caller, own, 404},
		"an invoker, right target": {tagged, caller, own, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if code, body, _ := c.get(tt.address, tt.email, tt.audience); code != tt.want {
				t.Errorf("status %d, want %d:\n%s", code, tt.want, body)
			}
		})
	}
	c.allow("allUsers")
	if code, _, _ := c.get(own, "", ""); code != 200 {
		t.Errorf("allUsers: status %d", code)
	}
}
