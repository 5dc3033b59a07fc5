package apigateway

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Quotas = Quotas{APIs: 2, ConfigsPerAPI: 2, GatewaysPerRegion: 1} })
	f.gatewayUp("http://127.0.0.1:1")
	shop := apisPath + "/shop"
	valid := configBody(document("http://127.0.0.1:1"))
	c1 := name(shop) + "/configs/c1"
	tests := []struct {
		name, method, path string
		body               any
		code               int
		status, message    string
	}{
		{"api exists", "POST", apisPath + "?apiId=shop", object{}, 409, "ALREADY_EXISTS", "Resource 'projects/demo/locations/global/apis/shop' already exists"},
		{"api without id", "POST", apisPath, object{}, 400, "INVALID_ARGUMENT", "api_id is required"},
		{"api id with underscore", "POST", apisPath + "?apiId=a_b", object{}, 400, "INVALID_ARGUMENT", "may contain only"},
		{"api id too long", "POST", apisPath + "?apiId=" + strings.Repeat("a", 64), object{}, 400, "INVALID_ARGUMENT", "longer than 63"},
		{"api in a region", "POST", "/v1/projects/demo/locations/europe-west1/apis?apiId=a", object{}, 400, "INVALID_ARGUMENT", "only be created"},
		{"api with bad label", "POST", apisPath + "?apiId=a", object{"labels": object{"A": "b"}}, 400, "INVALID_ARGUMENT", "label"},
		{"api with unknown field", "POST", apisPath + "?apiId=a", object{"title": "x"}, 400, "INVALID_ARGUMENT", `Unknown name "title": Cannot find field.`},
		{"update without mask", "PATCH", shop, object{}, 400, "INVALID_ARGUMENT", "update mask"},
		{"update of a fixed field", "PATCH", shop + "?updateMask=managedService", object{}, 400, "INVALID_ARGUMENT", "managedService"},
		{"config exists", "POST", shop + "/configs?apiConfigId=c1", valid, 409, "ALREADY_EXISTS", "already exists"},
		{"config of no api", "POST", apisPath + "/none/configs?apiConfigId=c1", valid, 404, "NOT_FOUND", "apis/none' was not found"},
		{"config without document", "POST", shop + "/configs?apiConfigId=c2", object{}, 400, "INVALID_ARGUMENT", "openapiDocuments"},
		{"config content can't be changed", "PATCH", shop + "/configs/c1?updateMask=openapiDocuments", valid, 400, "INVALID_ARGUMENT", "openapiDocuments"},
		{"gateway id too long", "POST", gateways + "?gatewayId=" + strings.Repeat("a", 50), object{"apiConfig": c1}, 400, "INVALID_ARGUMENT", "longer than 49"},
		{"gateway exists", "POST", gateways + "?gatewayId=pr-1", object{"apiConfig": c1}, 409, "ALREADY_EXISTS", "already exists"},
		{"gateway quota", "POST", gateways + "?gatewayId=pr-2", object{"apiConfig": c1}, 429, "RESOURCE_EXHAUSTED", "Quota exceeded"},
		{"gateway of no config", "POST", strings.Replace(gateways, "europe-west1", "us-east1", 1) + "?gatewayId=g", object{"apiConfig": c1 + "x"}, 404, "NOT_FOUND", "c1x' was not found"},
		{"gateway in global", "POST", "/v1/projects/demo/locations/global/gateways?gatewayId=g", object{"apiConfig": c1}, 404, "NOT_FOUND", "Location global"},
		{"gateway in unknown region", "POST", "/v1/projects/demo/locations/mars-1/gateways?gatewayId=g", object{"apiConfig": c1}, 404, "NOT_FOUND", "Location mars-1"},
		{"streaming mode can't be changed", "PATCH", gateways + "/pr-1?updateMask=streamingMode", object{}, 400, "INVALID_ARGUMENT", "streamingMode"},
		{"no gateway", "PATCH", gateways + "/none?updateMask=labels", object{}, 404, "NOT_FOUND", "was not found"},
		{"no operation", "GET", "/v1/projects/demo/locations/global/operations/none", nil, 404, "NOT_FOUND", "was not found"},
		{"no such path", "GET", "/v1/projects/demo/locations/global/things", nil, 404, "NOT_FOUND", "not found"},
		{"no such method", "PUT", shop, object{}, 404, "NOT_FOUND", "Method not found"},
		{"bad filter", "GET", apisPath + "?filter=a%20b%20c", nil, 400, "INVALID_ARGUMENT", "filter"},
		{"bad page token", "GET", apisPath + "?pageToken=%25", nil, 400, "INVALID_ARGUMENT", "page token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out := f.call(tt.method, tt.path, tt.body)
			if code != tt.code || out.at("error", "code") != float64(tt.code) || out.str("error", "status") != tt.status ||
				!strings.Contains(out.str("error", "message"), tt.message) {
				t.Errorf("got %d %v", code, out)
			}
		})
	}
	f.succeed("POST", apisPath+"?apiId=two", object{})
	if code, out := f.call("POST", apisPath+"?apiId=three", object{}); code != 429 || out.str("error", "status") != "RESOURCE_EXHAUSTED" {
		t.Errorf("a third API: %d %v", code, out)
	}
	f.succeed("POST", shop+"/configs?apiConfigId=c2", valid)
	if code, out := f.call("POST", shop+"/configs?apiConfigId=c3", valid); code != 429 {
		t.Errorf("a third config: %d %v", code, out)
	}
}

func TestDocumentProblemsHaveTheServicesForm(t *testing.T) {
	f := newFixture(t, nil)
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	create := apisPath + "/shop/configs?apiConfigId=c1"
	code, out := f.call("POST", create, configBody(strings.Replace(document("http://b.example"), "operationId: getOrder", "summary: none", 1)))
	want := "Cannot convert to service config.\n'location: \"openapi.yaml: Operation 'get' in path '/orders/{id}'\"\n kind: ERROR\n message: " +
		"\"Operation does not have the required 'operationId' field. Please specify unique value for 'operationId' field for all operations.\"\n'"
	if code != http.StatusBadRequest || out.str("error", "message") != want {
		t.Errorf("got %d %v", code, out)
	}
	body := configBody("a: [")
	if code, out := f.call("POST", create, body); code != 400 || !strings.HasPrefix(out.str("error", "message"), "Cannot convert") {
		t.Errorf("invalid YAML: %d %v", code, out)
	}
	document := body["openapiDocuments"].([]any)[0].(object)["document"].(object)
	document["contents"] = "%"
	if code, out := f.call("POST", create, body); code != 400 || !strings.Contains(out.str("error", "message"), "Base64 decoding failed") {
		t.Errorf("invalid base64: %d %v", code, out)
	}
	document["contents"], document["path"] = base64.StdEncoding.EncodeToString([]byte("a")), "spec.txt"
	if code, out := f.call("POST", create, body); code != 400 || !strings.Contains(out.str("error", "message"), "must end in .yaml") {
		t.Errorf("wrong file name: %d %v", code, out)
	}
	if code, _ := f.call("GET", apisPath+"/shop/configs/c1", nil); code != 404 {
		t.Errorf("a refused config exists: %d", code)
	}
}

func TestDocumentsOfOpenAPI3(t *testing.T) {
	f := newFixture(t, nil)
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	document := strings.ReplaceAll(`
openapi: 3.0.4
info: {title: shop, version: "1"}
servers: [{url: /v1, x-google-endpoint: {allowCors: true}}]
x-google-api-management:
  backends:
    orders: {address: "BACKEND", jwtAudience: "https://orders.example", pathTranslation: APPEND_PATH_TO_ADDRESS}
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      x-google-backend: orders
      responses: {"200": {description: ok}}
`, "BACKEND", echo(t, "orders"))
	f.succeed("POST", apisPath+"/shop/configs?apiConfigId=c1", configBody(document))
	f.succeed("POST", gateways+"?gatewayId=pr-1", object{"apiConfig": name(apisPath) + "/shop/configs/c1"})
	host := f.do("GET", gateways+"/pr-1", nil).str("defaultHostname")
	if code, body := f.get(host, "/v1/orders/7"); code != 200 || !strings.HasPrefix(body, "orders /v1/orders/7") {
		t.Errorf("the gateway answers %d %s", code, body)
	}
	bad := strings.Replace(document, "x-google-backend: orders", "x-google-backend: others", 1)
	code, out := f.call("POST", apisPath+"/shop/configs?apiConfigId=c2", configBody(bad))
	want := "Cannot convert to service config.\n'location: \"openapi.yaml: Operation 'get' in path '/orders/{id}'\"\n kind: ERROR\n message: " +
		"\"There is no backend 'others' in x-google-api-management.\"\n'"
	if code != http.StatusBadRequest || out.str("error", "status") != "INVALID_ARGUMENT" || out.str("error", "message") != want {
		t.Errorf("got %d %v", code, out)
	}
}

func TestConcurrentConfigCreation(t *testing.T) {
	for hazard, want := range map[Hazard][2]string{
		HazardNewer: {"ACTIVE", "FAILED"}, HazardBoth: {"FAILED", "FAILED"}, HazardNone: {"ACTIVE", "ACTIVE"},
	} {
		t.Run(string(hazard), func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Hazard = hazard })
			f.succeed("POST", apisPath+"?apiId=shop", object{})
			f.succeed("POST", apisPath+"?apiId=other", object{})
			body := configBody(document("http://b.example"))
			one := f.do("POST", apisPath+"/shop/configs?apiConfigId=c1", body)
			f.do("POST", apisPath+"/other/configs?apiConfigId=c1", body)
			two := f.do("POST", apisPath+"/shop/configs?apiConfigId=c2", body)
			f.finish(one)
			f.finish(two)
			var got [2]string
			for i := range got {
				got[i] = f.do("GET", fmt.Sprintf("%s/shop/configs/c%d", apisPath, i+1), nil).str("state")
			}
			if got != want {
				t.Errorf("the configs are %v, want %v", got, want)
			}
			violations, _ := f.do("GET", "/emulator/apigateway/violations", nil)["violations"].([]any)
			if len(violations) != 1 || object(violations[0].(map[string]any)).str("resource") != name(apisPath)+"/shop/configs/c2" {
				t.Errorf("the violations are %v", violations)
			}
			if op := f.do("GET", "/v1/"+two.str("name"), nil); (op["error"] == nil) != (want[1] == "ACTIVE") {
				t.Errorf("the newer operation ended with %v", op)
			}
		})
	}
}

func TestOneAfterTheOtherIsNoViolation(t *testing.T) {
	f := newFixture(t, nil)
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	for i := range 3 {
		f.succeed("POST", fmt.Sprintf("%s/shop/configs?apiConfigId=c%d", apisPath, i), configBody(document("http://b.example")))
	}
	if v, _ := f.do("GET", "/emulator/apigateway/violations", nil)["violations"].([]any); len(v) != 0 {
		t.Errorf("the violations are %v", v)
	}
}

func TestConfigInUse(t *testing.T) {
	f := newFixture(t, nil)
	f.gatewayUp("http://b.example")
	f.succeed("POST", apisPath+"/shop/configs?apiConfigId=c2", configBody(document("http://b.example")))
	inUse := func(config string) {
		t.Helper()
		op := f.finish(f.do("DELETE", apisPath+"/shop/configs/"+config, nil))
		if op.at("error", "code") != float64(9) || !strings.Contains(op.str("error", "message"), "config is in use in europe-west1: [pr-1]") {
			t.Errorf("deleting %s ended with %v", config, op)
		}
		if state := f.do("GET", apisPath+"/shop/configs/"+config, nil).str("state"); state != "ACTIVE" {
			t.Errorf("%s is %s", config, state)
		}
	}
	inUse("c1")
	f.do("POST", "/emulator/apigateway/faults", object{"method": "UpdateGateway", "effect": "stuck"})
	f.do("PATCH", gateways+"/pr-1?updateMask=apiConfig", object{"apiConfig": name(apisPath) + "/shop/configs/c2"})
	inUse("c1") // still served
	inUse("c2") // about to be
	op := f.finish(f.do("DELETE", apisPath+"/shop", nil))
	if op.at("error", "code") != float64(9) {
		t.Errorf("deleting an API with configs ended with %v", op)
	}
}

func TestGatewayNeedsAnActiveConfig(t *testing.T) {
	f := newFixture(t, nil)
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	op := f.do("POST", apisPath+"/shop/configs?apiConfigId=c1", configBody(document("http://b.example")))
	body := object{"apiConfig": name(apisPath) + "/shop/configs/c1"}
	if code, out := f.call("POST", gateways+"?gatewayId=g", body); code != 400 || out.str("error", "status") != "FAILED_PRECONDITION" {
		t.Errorf("got %d %v", code, out)
	}
	if code, out := f.call("DELETE", apisPath+"/shop/configs/c1", nil); code != 409 || out.str("error", "status") != "ABORTED" {
		t.Errorf("deleting a config that is CREATING: %d %v", code, out)
	}
	f.finish(op)
	creation := f.do("POST", gateways+"?gatewayId=g", body)
	if g := f.do("GET", gateways+"/g", nil); g.str("state") != "CREATING" || g["defaultHostname"] != nil {
		t.Errorf("while it is CREATING the gateway is %v", g)
	}
	f.finish(creation)
}
