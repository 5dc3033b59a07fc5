package apigateway

import (
	"testing"
	"time"
)

func (f *fixture) fault(fault object) {
	f.t.Helper()
	f.do("POST", "/emulator/apigateway/faults", fault)
}

func TestFaultsOfCalls(t *testing.T) {
	f := newFixture(t, nil)
	f.fault(object{"method": "CreateApi", "times": 2, "httpStatus": 429, "retryAfter": "1"})
	for range 2 {
		if code, out := f.call("POST", apisPath+"?apiId=a", object{}); code != 429 || out.str("error", "status") != "RESOURCE_EXHAUSTED" {
			t.Errorf("got %d %v", code, out)
		}
		f.restart() // what is left of a fault survives
	}
	f.succeed("POST", apisPath+"?apiId=a", object{})
	f.fault(object{"method": "*", "httpStatus": 503})
	if code, out := f.call("GET", apisPath+"/a", nil); code != 503 || out.str("error", "status") != "UNAVAILABLE" {
		t.Errorf("got %d %v", code, out)
	}
	f.fault(object{"method": "CreateApi", "effect": "lost_response"})
	if code, _ := f.call("POST", apisPath+"?apiId=b", object{}); code != 503 {
		t.Errorf("got %d", code)
	}
	if got := f.do("GET", apisPath+"/b", nil).str("state"); got != "CREATING" {
		t.Errorf("the API whose answer was lost is %s", got)
	}
	f.fault(object{"method": "GetApi"})
	f.do("DELETE", "/emulator/apigateway/faults", nil)
	f.do("GET", apisPath+"/a", nil)
	for _, bad := range []object{{"method": "NoSuch"}, {"method": "GetApi", "effect": "no"}} {
		if code := statusOnly(f, bad); code != 400 {
			t.Errorf("a fault %v is answered with %d", bad, code)
		}
	}
}

func TestFaultsOfOperations(t *testing.T) {
	f := newFixture(t, nil)
	f.fault(object{"method": "CreateApi", "effect": "lost"})
	op := f.do("POST", apisPath+"?apiId=lost", object{})
	if code, _ := f.call("GET", "/v1beta/"+op.str("name"), nil); code != 404 {
		t.Errorf("a lost operation is answered with %d", code)
	}
	f.clock.Advance(time.Minute)
	if got := f.do("GET", apisPath+"/lost", nil).str("state"); got != "ACTIVE" {
		t.Errorf("the API of a lost operation is %s", got)
	}

	f.fault(object{"method": "CreateApi", "effect": "fail", "code": 13, "message": "out of luck"})
	op = f.finish(f.do("POST", apisPath+"?apiId=bad", object{}))
	if op.at("error", "code") != float64(13) || op.str("error", "message") != "out of luck" {
		t.Errorf("the operation ended with %v", op)
	}
	if got := f.do("GET", apisPath+"/bad", nil).str("state"); got != "FAILED" {
		t.Errorf("the API is %s", got)
	}
	f.succeed("DELETE", apisPath+"/bad", nil)

	f.fault(object{"method": "CreateApi", "effect": "stuck"})
	op = f.do("POST", apisPath+"?apiId=stuck", object{})
	f.clock.Advance(24 * time.Hour)
	if got := f.do("GET", "/v1beta/"+op.str("name"), nil); got["done"] != false {
		t.Errorf("a stuck operation ended: %v", got)
	}
	f.do("POST", "/v1beta/"+op.str("name")+":cancel", object{})
	if got := f.do("GET", "/v1beta/"+op.str("name"), nil); got.at("error", "code") != float64(1) || got.at("metadata", "requestedCancellation") != true {
		t.Errorf("after it was cancelled the operation is %v", got)
	}
}

func TestFailedUpdateKeepsServing(t *testing.T) {
	f := newFixture(t, nil)
	host := f.gatewayUp(echo(t, "one")).str("defaultHostname")
	f.succeed("POST", apisPath+"/shop/configs?apiConfigId=c2", configBody(document(echo(t, "two"))))
	f.fault(object{"method": "UpdateGateway", "effect": "fail"})
	op := f.finish(f.do("PATCH", gateways+"/pr-1?updateMask=apiConfig", object{"apiConfig": name(apisPath) + "/shop/configs/c2"}))
	if op["error"] == nil {
		t.Errorf("the update ended well: %v", op)
	}
	g := f.do("GET", gateways+"/pr-1", nil)
	if g.str("state") != "ACTIVE" || g.str("apiConfig") != name(apisPath)+"/shop/configs/c1" {
		t.Errorf("the gateway is %v", g)
	}
	if code, body := f.get(host, "/orders/1"); code != 200 || body[:3] != "one" {
		t.Errorf("got %d %s", code, body)
	}
}

func TestSettings(t *testing.T) {
	f := newFixture(t, nil)
	f.do("PATCH", "/emulator/apigateway/settings", object{"latency": object{"api": 0}, "quotas": object{"apis": 1}})
	f.do("POST", apisPath+"?apiId=a", object{})
	if got := f.do("GET", apisPath+"/a", nil).str("state"); got != "ACTIVE" {
		t.Errorf("without latency the API is %s", got)
	}
	if code, _ := f.call("POST", apisPath+"?apiId=b", object{}); code != 429 {
		t.Errorf("got %d", code)
	}
	if got := f.do("GET", "/emulator/apigateway/settings", nil).at("latency", "config"); got != float64(Real().Config) {
		t.Errorf("the latency of configs became %v", got)
	}
}

func TestPropagation(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Latency.Propagation = time.Minute })
	host := f.gatewayUp(echo(t, "one")).str("defaultHostname")
	if code, _ := f.get(host, "/orders/1"); code != 404 {
		t.Errorf("before it has spread the gateway answers %d", code)
	}
	f.clock.Advance(time.Minute)
	if code, _ := f.get(host, "/orders/1"); code != 200 {
		t.Errorf("when it has spread the gateway answers %d", code)
	}
}
