package conformance_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// An exchange is a request and its answer, and what is wrong with them.
type exchange struct {
	name         string
	method, path string
	header       string // of the request: "Name: value"
	body         string
	status       int    // 0 is 200
	media        string // of the answer; "" is JSON
	answer       string
	want         []string // beginnings of PART OPERATION AT PROBLEM, in any order
}

// try lets an exchange pass a handler.
func try(t *testing.T, x exchange, apis ...*conformance.API) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	h := conformance.Handler(conformance.Options{
		APIs: apis, Outside: []string{"/emulator/"},
		Report: func(v conformance.Violation) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, strings.Join([]string{v.Part, v.Operation, v.At, v.Problem}, " "))
		},
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if data, err := io.ReadAll(r.Body); err != nil || string(data) != x.body {
			t.Errorf("the next handler got the body %q (%v), want %q", data, err, x.body)
		}
		media := x.media
		if media == "" {
			media = "application/json; charset=utf-8"
		}
		w.Header().Set("Content-Type", media)
		if x.status != 0 {
			w.WriteHeader(x.status)
		}
		_, _ = io.WriteString(w, x.answer)
	}))
	r := httptest.NewRequest(x.method, x.path, strings.NewReader(x.body))
	r.Header.Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(x.header, ": "); ok {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Body.String() != x.answer {
		t.Errorf("the client got %q, want %q", w.Body, x.answer)
	}
	matches := len(got) == len(x.want)
	for _, want := range x.want {
		found := false
		for _, one := range got {
			found = found || strings.HasPrefix(one, want)
		}
		matches = matches && found
	}
	if !matches {
		t.Errorf("violations (-want +got):\n%s", cmp.Diff(x.want, got))
	}
}

const (
	services = "/v2/projects/p/locations/l/services"
	apis     = "/v1beta/projects/p/locations/global/apis"
	builds   = "/v1/projects/p/locations/l/builds"
	done     = `{"name":"projects/p/locations/l/operations/o","done":true}`
	service  = `{"template":{"containers":[{"image":"x"}]}}`
	create   = "run.projects.locations.services.create"
	patch    = "run.projects.locations.services.patch"
	get      = "run.projects.locations.services.get"
)

// Each rule for Google's APIs, kept and broken.
func TestGoogle(t *testing.T) {
	t.Parallel()
	failed := func(body string) string { return `{"error":{` + body + `}}` }
	for _, x := range []exchange{
		{name: "all is well", method: "POST", path: services + "?serviceId=s&$alt=json%3Benum-encoding=int&alt=json", body: service, answer: done},
		{name: "outside", method: "PUT", path: "/emulator/faults", body: "{", answer: "{"},
		{name: "no operation", method: "PUT", path: services, status: 404, answer: failed(`"code":404,"message":"x","status":"NOT_FOUND"`), want: []string{"request  path is no operation"}},
		{name: "unknown verb", method: "POST", path: services + "/s:frobnicate", body: `{}`, answer: `{}`, want: []string{"request  path is no operation"}},
		{name: "known verb", method: "GET", path: services + "/s:getIamPolicy?options.requestedPolicyVersion=3", answer: `{"version":3,"etag":"BwX=","bindings":[{"role":"roles/run.invoker","members":["allUsers"]}]}`},
		{name: "other version", method: "GET", path: "/v1/projects/p/locations", answer: `{"locations":[{"locationId":"l"}]}`},

		{name: "unknown parameter", method: "GET", path: services + "?limit=3", answer: `{}`, want: []string{"request run.projects.locations.services.list parameter limit is not described"}},
		{name: "parameter of another type", method: "GET", path: services + "?pageSize=many", answer: `{}`, want: []string{"request run.projects.locations.services.list parameter pageSize is \"many\", want an integer"}},
		{name: "no boolean", method: "GET", path: services + "?showDeleted=1", answer: `{}`, want: []string{"request run.projects.locations.services.list parameter showDeleted is \"1\", want true or false"}},
		{name: "parameter twice", method: "GET", path: services + "?pageSize=1&pageSize=2", answer: `{}`, want: []string{"request run.projects.locations.services.list parameter pageSize is given more than once"}},
		{name: "required parameter", method: "POST", path: apis, body: `{}`, answer: `{}`, want: []string{"request apigateway.projects.locations.apis.create parameter apiId is missing"}},
		{name: "parameter that is none of an enum", method: "GET", path: apis + "/a/configs/c?view=ALL", answer: `{}`, want: []string{"request apigateway.projects.locations.apis.configs.get parameter view is \"ALL\", which is none of"}},
		{name: "query that is none", method: "GET", path: services + "?%zz", answer: `{}`, want: []string{"request run.projects.locations.services.list query can't be parsed"}},

		{name: "body where none is described", method: "GET", path: services + "/s", body: `{}`, answer: `{}`, want: []string{"request " + get + " body is not described"}},
		{name: "body that is no JSON", method: "POST", path: services + "?serviceId=s", body: `{"a":}`, answer: done, want: []string{"request " + create + " body is no JSON"}},
		{name: "two values", method: "POST", path: services + "?serviceId=s", body: service + `{}`, answer: done, want: []string{"request " + create + " body is no JSON: something follows"}},
		{name: "body of another media type", method: "POST", path: services + "?serviceId=s", header: "Content-Type: text/plain", body: service, answer: done, want: []string{"request " + create + " header Content-Type"}},
		{name: "unknown field", method: "POST", path: services + "?serviceId=s", body: `{"template":{"containers":[{"image":"x","img":"y"}]}}`, answer: done, want: []string{"request " + create + " /template/containers/0/img is not described"}},
		{name: "field of another type", method: "POST", path: services + "?serviceId=s", body: `{"template":{"containers":{"image":"x"}}}`, answer: done, want: []string{"request " + create + " /template/containers is an object, want an array"}},
		{name: "required field", method: "POST", path: services + "?serviceId=s", body: `{"template":{"containers":[{}]}}`, answer: done, want: []string{"request " + create + " /template/containers/0/image is missing"}},
		{name: "required field of an update", method: "PATCH", path: services + "/s?updateMask=labels", body: `{"labels":{"a":"b"}}`, answer: done},
		{name: "value of a map", method: "PATCH", path: services + "/s?updateMask=labels", body: `{"labels":{"a":1}}`, answer: done, want: []string{"request " + patch + " /labels/a is a number, want a string"}},
		{name: "read-only field that is ignored", method: "PATCH", path: services + "/s?updateMask=labels", body: `{"labels":{},"uid":"u"}`, answer: done},
		{name: "read-only field that is to be written", method: "PATCH", path: services + "/s?updateMask=uid", body: `{"uid":"u"}`, answer: done, want: []string{"request " + patch + " /uid is read-only"}},
		{name: "what the path says", method: "POST", path: "/v1/projects/p/secrets/s:addVersion", body: `{"parent":"projects/p/secrets/s","payload":{"data":"eA=="}}`, answer: `{}`},
		{name: "not what the path says", method: "POST", path: "/v1/projects/p/secrets/s:addVersion", body: `{"parent":"projects/p/secrets/t"}`, answer: `{}`, want: []string{"request secretmanager.projects.secrets.addVersion /parent is not described", "request secretmanager.projects.secrets.addVersion /payload is missing"}},
		{name: "unknown field in a mask", method: "PATCH", path: services + "/s?updateMask=labels.a,template.service_account,templates", body: `{}`, answer: done, want: []string{"request " + patch + " parameter updateMask names the field \"templates\""}},
		{name: "mask that is none", method: "PATCH", path: services + "/s?updateMask=labels%3Betag", body: `{}`, answer: done, want: []string{"request " + patch + " parameter updateMask is", "request " + patch + " parameter updateMask names"}},
		{name: "enum by number", method: "PATCH", path: services + "/s", body: `{"ingress":2}`, answer: done},
		{name: "enum of another type", method: "PATCH", path: services + "/s", body: `{"ingress":true}`, answer: done, want: []string{"request " + patch + " /ingress is a boolean, want a string"}},
		{name: "null", method: "PATCH", path: services + "/s", body: `{"labels":null}`, answer: done},
		{name: "none of an enum", method: "PATCH", path: services + "/s", body: `{"ingress":"ALL"}`, answer: done, want: []string{"request " + patch + " /ingress is \"ALL\", which is none of"}},
		{name: "duration", method: "POST", path: builds, body: `{"steps":[{"name":"x"}],"timeout":"5m"}`, answer: `{"name":"o"}`, want: []string{"request cloudbuild.projects.locations.builds.create /timeout is \"5m\", which is no google-duration"}},
		{name: "64 bits as a number", method: "POST", path: builds, body: `{"steps":[{"name":"x"}],"options":{"diskSizeGb":100}}`, answer: `{"name":"o"}`, want: []string{"request cloudbuild.projects.locations.builds.create /options/diskSizeGb is a number, want a string"}},
		{name: "64 bits that are none", method: "POST", path: builds, body: `{"steps":[{"name":"x"}],"options":{"diskSizeGb":"1e3"}}`, answer: `{"name":"o"}`, want: []string{"request cloudbuild.projects.locations.builds.create /options/diskSizeGb is \"1e3\", which is no int64"}},
		{name: "base64", method: "POST", path: apis + "/a/configs?apiConfigId=c", body: `{"openapiDocuments":[{"document":{"path":"a.yaml","contents":"a b"}}]}`, answer: `{}`, want: []string{"request apigateway.projects.locations.apis.configs.create /openapiDocuments/0/document/contents is \"a b\", which is no byte"}},

		{name: "unknown field in an answer", method: "GET", path: services + "/s", answer: `{"name":"s","url":"x"}`, want: []string{"answer " + get + " /url is not described"}},
		{name: "enum by number in an answer", method: "GET", path: services + "/s", answer: `{"ingress":2}`, want: []string{"answer " + get + " /ingress is a number"}},
		{name: "time", method: "GET", path: services + "/s", answer: `{"createTime":"yesterday"}`, want: []string{"answer " + get + " /createTime is \"yesterday\", which is no google-datetime"}},
		{name: "null in an answer", method: "GET", path: services + "/s", answer: `{"name":null}`, want: []string{"answer " + get + " /name is null"}},
		{name: "no integer", method: "GET", path: services + "/s", answer: `{"template":{"maxInstanceRequestConcurrency":1.5}}`, want: []string{"answer " + get + " /template/maxInstanceRequestConcurrency is 1.5, want an integer"}},
		{name: "more than 32 bits", method: "GET", path: services + "/s", answer: `{"template":{"maxInstanceRequestConcurrency":3000000000}}`, want: []string{"answer " + get + " /template/maxInstanceRequestConcurrency is 3000000000, which is no int32"}},
		{name: "answer that is no JSON", method: "GET", path: services + "/s", answer: `oops`, want: []string{"answer " + get + " body is no JSON"}},
		{name: "answer of another media type", method: "GET", path: services + "/s", media: "text/html", answer: `{}`, want: []string{"answer " + get + " header Content-Type"}},
		{name: "result of an operation", method: "GET", path: "/v2/projects/p/locations/l/operations/o", answer: `{"done":true,"response":{"@type":"type.googleapis.com/google.cloud.run.v2.Service","name":"s","url":"x"}}`, want: []string{"answer run.projects.locations.operations.get /response/url is not described"}},
		{name: "result without a type", method: "GET", path: "/v2/projects/p/locations/l/operations/o", answer: `{"done":true,"response":{"name":"s"}}`, want: []string{"answer run.projects.locations.operations.get /response/@type is null"}},
		{name: "result of an unknown type", method: "GET", path: "/v2/projects/p/locations/l/operations/o", answer: `{"done":true,"response":{"@type":"type.googleapis.com/google.cloud.run.v2.Nothing"}}`, want: []string{"answer run.projects.locations.operations.get /response/@type is \"type.googleapis.com/google.cloud.run.v2.Nothing\""}},
		{name: "result of a build", method: "GET", path: "/v1/operations/build/p/o", answer: `{"name":"o","metadata":{"@type":"type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata","build":{"status":"OK"}}}`, want: []string{"answer cloudbuild.operations.get /metadata/build/status is \"OK\""}},

		{name: "error", method: "GET", path: services + "/s", status: 429, answer: failed(`"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R"}]`)},
		{name: "error of another form", method: "GET", path: services + "/s", status: 404, answer: `{"message":"x"}`, want: []string{"answer " + get + " /error is missing", "answer " + get + " /message is not described"}},
		{name: "error with another code", method: "GET", path: services + "/s", status: 404, answer: failed(`"code":400,"message":"x","status":"NOT_FOUND"`), want: []string{"answer " + get + " /error/code is 400, the answer's status is 404"}},
		{name: "error with another name", method: "GET", path: services + "/s", status: 404, answer: failed(`"code":404,"message":"x","status":"ABORTED"`), want: []string{"answer " + get + " /error/status is ABORTED, which goes with 409"}},
		{name: "error with an unknown name", method: "GET", path: services + "/s", status: 404, answer: failed(`"code":404,"message":"x","status":"GONE"`), want: []string{"answer " + get + " /error/status is \"GONE\", which is none of"}},
		{name: "error without a message", method: "GET", path: services + "/s", status: 404, answer: failed(`"code":404,"message":"","status":"NOT_FOUND"`), want: []string{"answer " + get + " /error/message has 0 characters"}},
		{name: "success of another status", method: "GET", path: services + "/s", status: 201, answer: `{}`, want: []string{"answer " + get + " /error is missing"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			try(t, x, conformance.CloudRunV2(), conformance.CloudRunV1(), conformance.APIGatewayV1Beta(), conformance.APIGatewayV1(),
				conformance.CloudBuildV1(), conformance.SecretManagerV1())
		})
	}
}

// Each rule for GitHub, kept and broken.
func TestGitHub(t *testing.T) {
	t.Parallel()
	const (
		repo = "/repos/o/r"
		ref  = `{"ref":"refs/heads/a","node_id":"x","url":"https://x/y","object":{"type":"commit","sha":"` + "0123456789012345678901234567890123456789" + `","url":"https://x/y"}}`
	)
	for _, x := range []exchange{
		{name: "all is well", method: "GET", path: repo + "/git/ref/heads/a/b", answer: ref},
		{name: "by id", method: "GET", path: "/repositories/7/git/ref/heads/a", answer: ref},
		{name: "head", method: "HEAD", path: repo + "/git/ref/heads/a"},
		{name: "no operation", method: "GET", path: "/nothing", status: 404, answer: `{"message":"Not Found"}`, want: []string{"request  path is no operation"}},
		{name: "unknown parameter", method: "GET", path: repo + "/pulls?pages=3", answer: `[]`, want: []string{"request pulls/list parameter pages is not described"}},
		{name: "none of an enum", method: "GET", path: repo + "/pulls?state=merged", answer: `[]`, want: []string{"request pulls/list parameter state is \"merged\", which is none of"}},
		{name: "path of another type", method: "GET", path: repo + "/pulls/first", status: 404, answer: `{"message":"Not Found"}`, want: []string{"request pulls/get parameter pull_number is \"first\", want an integer"}},
		{name: "required body", method: "POST", path: repo + "/issues/1/comments", status: 403, answer: `{"message":"x"}`, want: []string{"request issues/create-comment body is missing"}},
		{name: "empty object where no body is described", method: "POST", path: "/app/hook/deliveries/1/attempts", body: `{}`, status: 202, answer: `{}`},
		{name: "body where none is described", method: "POST", path: "/app/hook/deliveries/1/attempts", body: `{"a":1}`, status: 202, answer: `{}`, want: []string{"request apps/redeliver-webhook-delivery body is not described"}},
		{name: "unknown field", method: "POST", path: repo + "/issues/1/comments", body: `{"body":"x","text":"y"}`, status: 403, answer: `{"message":"x"}`, want: []string{"request issues/create-comment /text is not described"}},
		{name: "required field", method: "POST", path: repo + "/issues/1/comments", body: `{}`, status: 403, answer: `{"message":"x"}`, want: []string{"request issues/create-comment /body is missing"}},
		{name: "too many items", method: "POST", path: repo + "/check-runs", body: `{"name":"x","head_sha":"y","output":{"title":"t","summary":"s","annotations":[` + strings.Repeat(`{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"},`, 50) + `{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"}]}}`, status: 403, answer: `{"message":"x"}`, want: []string{"request checks/create /output/annotations has 51 items, want 0 to 50"}},
		{name: "too long", method: "POST", path: repo + "/check-runs", body: `{"name":"x","head_sha":"y","output":{"title":"t","summary":"` + strings.Repeat("s", 65536) + `"}}`, status: 403, answer: `{"message":"x"}`, want: []string{"request checks/create /output/summary has 65536 characters, want 0 to 65535"}},
		{name: "missing in an answer", method: "GET", path: repo + "/git/ref/heads/a", answer: `{"ref":"x","url":"https://x/y","object":{"type":"commit","sha":"0123456789012345678901234567890123456789","url":"https://x/y"}}`, want: []string{"answer git/get-ref /node_id is missing"}},
		{name: "no URL", method: "GET", path: repo + "/git/ref/heads/a", answer: strings.Replace(ref, "https://x/y", "x", 1), want: []string{"answer git/get-ref /url is \"x\", which is no uri"}},
		{name: "not so long", method: "GET", path: repo + "/git/ref/heads/a", answer: strings.Replace(ref, "0123456789012345678901234567890123456789", "0", 1), want: []string{"answer git/get-ref /object/sha has 1 characters, want 40 to 40"}},
		{name: "unknown field in an answer", method: "GET", path: repo + "/git/ref/heads/a", answer: strings.Replace(ref, `"ref"`, `"x":1,"ref"`, 1), want: []string{"answer git/get-ref /x is not described"}},
		{name: "one of several schemas", method: "GET", path: repo + "/contents/a", answer: `[]`},
		{name: "none of several schemas", method: "GET", path: repo + "/contents/a", answer: `"x"`, want: []string{"answer repos/get-content body is a string"}},
		{name: "raw, as asked", method: "GET", path: repo + "/contents/a", header: "Accept: application/vnd.github.raw+json", media: "application/vnd.github.raw", answer: `x`},
		{name: "raw, not asked", method: "GET", path: repo + "/contents/a", media: "application/vnd.github.raw", answer: `x`, want: []string{"answer repos/get-content header Content-Type", "answer repos/get-content body is no JSON"}},
		{name: "another media type", method: "GET", path: repo + "/compare/a..b", media: "application/vnd.github.diff", answer: `x`},
		{name: "status that is not described", method: "GET", path: repo + "/git/ref/heads/a", status: 418, answer: `{}`, want: []string{"answer git/get-ref status is 418, which is not described"}},
		{name: "status that may always come", method: "GET", path: repo + "/git/ref/heads/a", status: 500, answer: `{"message":"Server Error"}`},
		{name: "such a status with another body", method: "GET", path: repo + "/git/ref/heads/a", status: 500, answer: `{"error":"x"}`, want: []string{"answer git/get-ref /error is not described"}},
		{name: "page of the front", method: "GET", path: repo + "/git/ref/heads/a", status: 502, media: "text/html", answer: `<html>`},
		{name: "page of the API", method: "GET", path: repo + "/git/ref/heads/a", status: 500, media: "text/html", answer: `{"message":"x"}`, want: []string{"answer git/get-ref header Content-Type"}},
		{name: "nothing changed", method: "GET", path: repo + "/git/ref/heads/a", header: "If-None-Match: x", status: 304},
		{name: "nothing changed, not asked", method: "GET", path: repo + "/git/ref/heads/a", status: 304, want: []string{"answer git/get-ref status is 304 without If-None-Match"}},
		{name: "nothing", method: "DELETE", path: repo + "/issues/comments/1", status: 204},
		{name: "something instead of nothing", method: "DELETE", path: repo + "/issues/comments/1", status: 204, answer: `{}`, want: []string{"answer issues/delete-comment body is not described"}},
		{name: "exception", method: "POST", path: repo + "/issues/1/comments", body: `{"body":"x"}`, status: 422, answer: `{"message":"x","documentation_url":"https://x/y","status":"422"}`},
		{name: "no exception", method: "POST", path: repo + "/issues/1/comments", body: `{"body":"x"}`, status: 422, answer: `{"message":"x","documentation_url":"https://x/y","state":"422"}`, want: []string{"answer issues/create-comment /state is not described"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			try(t, x, conformance.GitHubREST())
		})
	}
}

// A connection that is ended without an answer has none to check.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	h := conformance.Handler(conformance.Options{
		APIs: []*conformance.API{conformance.GitHubREST()}, Report: func(v conformance.Violation) { t.Error(v) },
	}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer func() {
		if r := recover(); r != http.ErrAbortHandler { //nolint:errorlint // a panic's value, which net/http compares so
			t.Errorf("recovered %v, want http.ErrAbortHandler", r)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nothing", nil))
}

// Violations are logged with what finds their cause, each kind once.
func TestLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	report := conformance.Log(slog.New(slog.NewTextHandler(&text, nil)))
	v := conformance.Violation{API: "a", Operation: "o", Method: "GET", Path: "/x", Part: conformance.InAnswer, Status: 200, At: "/b", Problem: "is wrong", Agent: "go"}
	report(v)
	v.Path = "/y"
	report(v)
	v.At = "/c"
	report(v)
	if n := strings.Count(text.String(), conformance.LogMessage); n != 2 || !strings.Contains(text.String(), "path=/x") {
		t.Errorf("logged %d times, want 2:\n%s", n, text.String())
	}
}

// Tests fail by violations; those of servers only by what the servers did not refuse.
func TestFail(t *testing.T) {
	t.Parallel()
	refused := conformance.Violation{Part: conformance.InRequest, Status: 400}
	taken := conformance.Violation{Part: conformance.InRequest, Status: 200}
	answered := conformance.Violation{Part: conformance.InAnswer, Status: 400}
	count := func(make func(*counter) func(conformance.Violation), v conformance.Violation) int {
		c := &counter{}
		make(c)(v)
		return c.failures
	}
	strict := func(c *counter) func(conformance.Violation) { return conformance.Fail(c) }
	lenient := func(c *counter) func(conformance.Violation) { return conformance.FailUnlessRefused(c) }
	got := []int{count(strict, refused), count(strict, taken), count(strict, answered), count(lenient, refused), count(lenient, taken), count(lenient, answered)}
	if diff := cmp.Diff([]int{1, 1, 1, 0, 1, 1}, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

type counter struct{ failures int }

func (*counter) Helper()                 {}
func (c *counter) Errorf(string, ...any) { c.failures++ }
