package apigateway

import (
	"context"
	"strings"
	"testing"
	"time"
)

// The sequence of calls of the google-beta provider: create, change the config under a gateway, destroy.
func TestLifecycle(t *testing.T) {
	one, two := echo(t, "one"), echo(t, "two")
	f := newFixture(t, func(o *Options) {
		o.PublicURL = "http://gateway.localhost:8080"
		o.Gateway.IDToken = func(_ context.Context, account, audience string) (string, error) {
			return account + "|" + audience, nil
		}
	})
	g := f.gatewayUp(one)
	host := g.str("defaultHostname")
	if !strings.HasPrefix(host, "pr-1-") || !strings.HasSuffix(host, ".ew.gateway.localhost:8080") {
		t.Fatalf("defaultHostname is %q", host)
	}
	if !f.s.Owns(host) {
		t.Errorf("Owns(%q) is false", host)
	}
	const token = " Bearer gw@demo.iam.gserviceaccount.com|https://orders.example"
	if code, body := f.get(host, "/orders/7"); code != 200 || body != "one /orders/7"+token {
		t.Errorf("got %d %s", code, body)
	}

	f.succeed("POST", apisPath+"/shop/configs?apiConfigId=c2", configBody(document(two)))
	op := f.do("PATCH", gateways+"/pr-1?updateMask=apiConfig,displayName,labels",
		object{"apiConfig": name(apisPath) + "/shop/configs/c2", "displayName": "new", "labels": object{"pr": "1"}})
	if state := f.do("GET", gateways+"/pr-1", nil).str("state"); state != "UPDATING" {
		t.Errorf("the state is %s while an update runs", state)
	}
	if _, body := f.get(host, "/orders/7"); !strings.HasPrefix(body, "one ") {
		t.Errorf("while it is UPDATING the gateway answers %q", body)
	}
	if op = f.finish(op); op.str("response", "apiConfig") != name(apisPath)+"/shop/configs/c2" {
		t.Errorf("the update ended with %v", op)
	}
	if _, body := f.get(host, "/orders/7"); !strings.HasPrefix(body, "two ") {
		t.Errorf("after the update the gateway answers %q", body)
	}
	f.succeed("DELETE", apisPath+"/shop/configs/c1", nil)

	op = f.do("DELETE", gateways+"/pr-1", nil)
	if code, _ := f.get(host, "/orders/7"); code != 404 {
		t.Errorf("a gateway that is being deleted answers %d", code)
	}
	f.finish(op)
	f.succeed("DELETE", apisPath+"/shop/configs/c2", nil)
	f.succeed("DELETE", apisPath+"/shop", nil)
	for _, path := range []string{apisPath + "/shop", gateways + "/pr-1"} {
		if code, out := f.call("GET", path, nil); code != 404 || out.str("error", "status") != "NOT_FOUND" {
			t.Errorf("GET %s: %d %v", path, code, out)
		}
	}
}

func TestStateSurvivesAKill(t *testing.T) {
	backend := echo(t, "one")
	f := newFixture(t, nil)
	host := f.gatewayUp(backend).str("defaultHostname")
	creation := f.do("POST", apisPath+"/shop/configs?apiConfigId=c2", configBody(document(backend)))
	f.restart()
	if code, _ := f.get(host, "/orders/1"); code != 200 {
		t.Errorf("after a restart the gateway answers %d", code)
	}
	if state := f.do("GET", apisPath+"/shop/configs/c2", nil).str("state"); state != "CREATING" {
		t.Errorf("after a restart the config is %s", state)
	}
	f.clock.Advance(Real().Config - time.Second)
	if op := f.do("GET", "/v1/"+creation.str("name"), nil); op["done"] != false {
		t.Errorf("the operation ended early: %v", op)
	}
	f.restart()
	f.clock.Advance(time.Second)
	f.restart()
	if op := f.do("GET", "/v1/"+creation.str("name"), nil); op["done"] != true || op["error"] != nil ||
		op.str("metadata", "apiVersion") != "v1" {
		t.Errorf("the operation did not go on: %v", op)
	}
	config := f.do("GET", apisPath+"/shop/configs/c2?view=FULL", nil)
	if documents, _ := config["openapiDocuments"].([]any); config.str("state") != "ACTIVE" || len(documents) != 1 {
		t.Errorf("the config is %v", config)
	}
	if basic := f.do("GET", apisPath+"/shop/configs/c2", nil); basic["openapiDocuments"] != nil {
		t.Errorf("the basic view shows documents: %v", basic)
	}
}
