package cloudrun_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudrun"
)

func env(t object, name string, value any) object {
	c := t["containers"].([]object)[0]
	c["env"] = append(c["env"].([]object), object{"name": name, "value": value})
	return t
}

func TestPatchRules(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	pinned := object{"type": 2, "revision": "orders-1", "percent": 100}
	withTag := func(tag string) object {
		return object{"traffic": []object{pinned, {"type": 2, "revision": "orders-1", "tag": tag}}}
	}
	tests := map[string]struct {
		mask string
		body object
		want int
		text string
	}{
		"name with another configuration": {
			"template",
			object{"template": template("orders-1", "two")},
			409,
			"Revision named 'orders-1' with different configuration already exists.",
		},
		"old etag":         {"traffic", object{"etag": `"old"`, "traffic": []object{pinned}}, 409, "version '\"old\"' was specified"},
		"sum":              {"traffic", object{"traffic": []object{{"revision": "orders-1", "percent": 99}}}, 400, "sum to 100"},
		"unknown revision": {"traffic", object{"traffic": []object{{"revision": "orders-9", "percent": 100}}}, 400, "orders-9"},
		"tag twice": {
			"traffic",
			object{"traffic": []object{pinned, {"revision": "orders-1", "tag": "a"}, {"revision": "orders-1", "tag": "a"}}},
			400, "more than once",
		},
		"tag of 40": {"traffic", withTag("a" + strings.Repeat("b", 39)), 200, ""},
		"tag of 41": {
			"traffic", withTag("a" + strings.Repeat("b", 40)), 400,
			"together are too long. Combined traffic tag and service name cannot exceed 46 characters.",
		},
		"tag's letters":     {"traffic", withTag("Pr_1"), 400, "lower case"},
		"prefix of a name":  {"template", object{"template": template("users-1", "x")}, 400, "prefixed by 'orders-'"},
		"reserved variable": {"template", object{"template": env(template("orders-x", "x"), "PORT", "1")}, 400, "reserved env names"},
		"unknown field":     {"template", object{"templates": object{}}, 400, "Unknown name"},
		"unknown path":      {"colour", object{}, 400, "colour"},
		"no container":      {"template", object{"template": object{}}, 400, "at least one container"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer := c.api("PATCH", base+"/services/orders?updateMask="+tt.mask, tt.body, tt.want)
			if text := fmt.Sprint(answer["error"]); !strings.Contains(text, tt.text) {
				t.Errorf("error %s, want %q in it", text, tt.text)
			}
		})
	}
}

func TestLatestFollowsWhatIsReady(t *testing.T) {
	c := newCloud(t, nil)
	c.api("POST", base+"/services?serviceId=orders", object{"template": template("", "one")}, 200)
	c.allow("allUsers")
	v := c.settled()
	own := v["uri"].(string)
	serving := func() string {
		_, _, header := c.get(own, "", "")
		return header.Get("Revision")
	}
	first := serving()
	if !strings.HasPrefix(first, "orders-00001-") {
		t.Errorf("first revision %q", first)
	}
	c.api("PATCH", base+"/services/orders?updateMask=template", object{"template": env(template("", "two"), "CRASH", "1")}, 200)
	v = c.settled()
	terminal := v["terminalCondition"].(object)
	message, _ := terminal["message"].(string)
	if terminal["state"] != "CONDITION_FAILED" || serving() != first {
		t.Errorf("after a crash: %v, serving %s", terminal, serving())
	}
	for _, want := range []string{
		"is not ready and cannot serve traffic. The user-provided container failed to start and listen on the port defined",
		"Container called exit(3).", "revision: no database",
	} {
		if !strings.Contains(message, want) {
			t.Errorf("message lacks %q:\n%s", want, message)
		}
	}
	c.api("PATCH", base+"/services/orders?updateMask=template", object{"template": template("", "three")}, 200)
	c.settled()
	if now := serving(); !strings.HasPrefix(now, "orders-00003-") {
		t.Errorf("serving %q after a good one", now)
	}
}

func TestSecrets(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	secret := func(name string) object {
		t := template("orders-"+name, "x")
		container := t["containers"].([]object)[0]
		container["env"] = []object{{"name": "SECRET", "valueSource": object{"secretKeyRef": object{"secret": name, "version": "2"}}}}
		return t
	}
	v := c.api("GET", base+"/services/orders", nil, 200)
	for _, name := range []string{"known", "unknown"} {
		c.api("PATCH", base+"/services/orders?updateMask=template,traffic", object{
			"template": secret(name), "traffic": append(v["traffic"].([]any), object{"revision": "orders-" + name, "tag": "t"}),
		}, 200)
		v := c.settled()
		revision := c.api("GET", base+"/services/orders/revisions/orders-"+name, nil, 200)
		ready := revision["conditions"].([]any)[0].(object)
		if name == "unknown" {
			if ready["reason"] != "SECRETS_ACCESS_CHECK_FAILED" || status(v, "t") != nil {
				t.Errorf("condition %v, status %v", ready, status(v, "t"))
			}
			continue
		}
		_, body, _ := c.get(status(v, "t")["uri"].(string), caller, v["uri"].(string))
		if !strings.Contains(body, "value of known@2") {
			t.Errorf("answer %s", body)
		}
	}
}

func TestMetadataAndCallsBetweenServices(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	v := c.tag("pr-7", "orders-pr-7", "seven")
	own, tagged := v["uri"].(string), status(v, "pr-7")["uri"].(string)
	ask := func(path string, header ...string) (int, string) {
		code, body, _ := c.get(own+path, caller, own, header...)
		return code, body
	}
	if code, _ := ask("/metadata?path=project/project-id"); code != 403 {
		t.Errorf("without Metadata-Flavor: status %d", code)
	}
	if code, body := ask("/metadata?path=project/project-id", "Flavor", "Google"); code != 200 || body != "shop" {
		t.Errorf("project id: %d %s", code, body)
	}
	_, email := ask("/metadata?path=instance/service-accounts/default/email", "Flavor", "Google")
	identityPath := "instance/service-accounts/default/identity?audience=" + own + "&format=full"
	code, token := ask("/metadata?path="+url.QueryEscape(identityPath), "Flavor", "Google")
	if got, err := c.tokens.Verify(token, own); code != 200 || err != nil || got != email {
		t.Fatalf("ID token: status %d, %q for %q, %v", code, got, email, err)
	}
	// A revision calls another under its localhost name, with that token, through the edge.
	fetch := "/fetch?url=" + url.QueryEscape(tagged+"/from-live")
	if code, _ := ask(fetch, "Pass-Authorization", "Bearer "+token); code != 403 {
		t.Errorf("not an invoker yet: status %d", code)
	}
	c.allow("serviceAccount:"+caller, "serviceAccount:"+email)
	if code, body := ask(fetch, "Pass-Authorization", "Bearer "+token); code != 200 || !strings.Contains(body, `"seven"`) {
		t.Errorf("status %d: %s", code, body)
	}
}

func TestRestart(t *testing.T) {
	var options cloudrun.Options
	c := newCloud(t, func(o *cloudrun.Options) { options = *o })
	c.create()
	before := c.tag("pr-7", "orders-pr-7", "seven")
	c.server.Close()
	c.start(options)
	after := c.api("GET", base+"/services/orders", nil, 200)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("service before:\n%v\nafter:\n%v", before, after)
	}
	if n := len(c.processes()); n != 0 {
		t.Errorf("%d processes before the first call", n)
	}
	own := after["uri"].(string)
	code, body, _ := c.get(status(after, "pr-7")["uri"].(string), caller, own)
	if code != 200 || !strings.Contains(body, "seven") {
		t.Errorf("status %d: %s", code, body)
	}
}

// processes maps the short names of running revisions to their process ids.
func (c *cloud) processes() map[string]int {
	c.Helper()
	pids := map[string]int{}
	for _, p := range c.api("GET", "/emulator/processes", nil, 200)["processes"].([]any) {
		p := p.(object)
		name := p["revision"].(string)
		if p["ready"] == true {
			pids[name[strings.LastIndexByte(name, '/')+1:]] = int(p["pids"].([]any)[0].(float64))
		}
	}
	return pids
}

func TestProcessesFollowTheTraffic(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	v := c.tag("pr-7", "orders-pr-7", "seven")
	own, tagged := v["uri"].(string), status(v, "pr-7")["uri"].(string)
	pid := c.processes()["orders-pr-7"]
	if pid == 0 {
		t.Fatal("the tagged revision doesn't run")
	}
	if code, _, _ := c.get(tagged+"/exit", caller, own); code != 503 {
		t.Errorf("a revision that dies: status %d", code)
	}
	c.await("another process", func() bool {
		code, _, _ := c.get(tagged, caller, own)
		now := c.processes()["orders-pr-7"]
		return code == 200 && now != 0 && now != pid
	})
	pid = c.processes()["orders-pr-7"]
	c.api("PATCH", base+"/services/orders?updateMask=traffic", object{"traffic": v["traffic"].([]any)[:1]}, 200)
	c.await("the end of the process", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if code, _, _ := c.get(tagged, caller, own); code != 404 {
		t.Errorf("a tag that was removed: status %d", code)
	}
	pid = c.processes()["orders-1"]
	c.api("DELETE", base+"/services/orders/revisions/orders-1", nil, 400) // it is live
	c.api("DELETE", base+"/services/orders", nil, 200)
	c.await("the end of the process", func() bool { return pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	c.api("GET", base+"/services/orders", nil, 404)
}

func (c *cloud) await(what string, done func() bool) {
	c.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Fatalf("waiting for %s", what)
}

func TestTagLimitDeletesTheOldestIdleTag(t *testing.T) {
	c := newCloud(t, func(o *cloudrun.Options) { o.TagLimit = 2 })
	c.create()
	for _, tag := range []string{"pr-1", "pr-2", "pr-3"} {
		c.tag(tag, "orders-1", "one")
	}
	v := c.settled()
	if status(v, "pr-1") != nil || status(v, "pr-2") == nil || status(v, "pr-3") == nil {
		t.Errorf("traffic %v", v["trafficStatuses"])
	}
}

func TestFaultsAndLatency(t *testing.T) {
	c := newCloud(t, func(o *cloudrun.Options) {
		o.Latency = cloudrun.Latency{Ready: time.Millisecond, Route: 20 * time.Millisecond}
	})
	c.create()
	c.api("PUT", "/emulator/faults", object{"fail_readiness": 1, "conflicts": 1, "readiness_delay": "50ms"}, 200)
	c.api("PATCH", base+"/services/orders?updateMask=labels", object{"labels": object{"a": "b"}}, 409)
	answer := c.api("PATCH", base+"/services/orders?updateMask=template", object{"template": template("orders-2", "two")}, 200)
	if answer["done"] != false {
		t.Error("the operation is done at once")
	}
	v := c.api("GET", base+"/services/orders", nil, 200)
	if v["reconciling"] != true {
		t.Error("the service isn't reconciling")
	}
	op := c.api("POST", "/v2/"+answer["name"].(string)+":wait", object{"timeout": "30s"}, 200)
	if op["done"] != true || op["error"].(object)["code"] != 9.0 {
		t.Errorf("operation %v", op)
	}
	c.api("PUT", "/emulator/faults", object{"nonsense": 1}, 400)
	c.api("PUT", "/emulator/faults", object{"unavailable": 1}, 200)
	c.api("GET", base+"/services", nil, 503)
	if n := len(c.api("GET", base+"/services", nil, 200)["services"].([]any)); n != 1 {
		t.Errorf("%d services", n)
	}
}

func TestShares(t *testing.T) {
	c := newCloud(t, nil)
	c.create()
	c.tag("pr-7", "orders-pr-7", "seven")
	c.api("PATCH", base+"/services/orders?updateMask=traffic", object{"traffic": []object{
		{"revision": "orders-1", "percent": 50}, {"revision": "orders-pr-7", "percent": 50},
	}}, 200)
	v := c.settled()
	seen := map[string]int{}
	for range 100 {
		_, _, header := c.get(v["uri"].(string), caller, v["uri"].(string))
		seen[header.Get("Revision")]++
	}
	if len(seen) != 2 || seen["orders-1"] < 10 || seen["orders-pr-7"] < 10 {
		t.Errorf("answers by revision: %v", seen)
	}
}

func TestOwns(t *testing.T) {
	c := newCloud(t, nil)
	for host, want := range map[string]bool{
		"orders-abc.uc.run.localhost:8080": true, "PR-1---orders-abc.uc.run.localhost.": true,
		"run.localhost": false, "orders.run.app": false, "localhost": false, "": false,
	} {
		if c.server.Owns(host) != want {
			t.Errorf("Owns(%q) is %t", host, !want)
		}
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/emulator/logs/../x/y", nil))
	if w.Code == 200 {
		t.Errorf("status %d", w.Code)
	}
}
