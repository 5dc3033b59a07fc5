package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// What the providers describe for all operations, in words.

// system are parameters of all of Google's APIs besides those that the documents list: the names with a dollar
// (https://cloud.google.com/apis/docs/system-parameters).
func (c *check) system() []Parameter {
	if c.api.Style != Google {
		return nil
	}
	text := &Schema{Type: "string"}
	// Google's client libraries ask for numbers of enums (https://github.com/googleapis/gapic-showcase/blob/main/util/genrest).
	return []Parameter{
		{Name: "$alt", In: "query", Schema: &Schema{Type: "string", Enum: []any{"json", "media", "proto", "json;enum-encoding=int"}}},
		{Name: "$fields", In: "query", Schema: text},
		{Name: "$prettyPrint", In: "query", Schema: &Schema{Type: "boolean"}},
	}
}

// generalStatuses may answer any request to GitHub, described or not
// (https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api,
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api,
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects).
var generalStatuses = []int{
	http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect,
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests,
	http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// general tells whether an answer that is not described for the operation is one that may always come.
func (c *check) general() bool { return slices.Contains(generalStatuses, c.status) }

// fromProxy tells whether an answer is a page of GitHub's front: when the API behind it doesn't answer, there is no JSON
// (https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts).
func (c *check) fromProxy() bool {
	return c.api.Style == GitHub && !isJSON(c.header.Get("Content-Type")) &&
		slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, c.status)
}

// errorProblems checks an error that is not described for the operation.
func (c *check) errorProblems(value any) []problem {
	if c.api.Style == Google {
		return c.googleError(value)
	}
	schema := "basic-error"
	if c.status == http.StatusUnprocessableEntity {
		schema = "validation-error"
	}
	return (&judge{api: c.api}).value(value, &Schema{Ref: schema}, "")
}

// codes are google.rpc.Code by name, with the HTTP status of each
// (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
var codes = map[string]int{
	"CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
	"ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429,
	"FAILED_PRECONDITION": 400, "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500,
	"UNAVAILABLE": 503, "DATA_LOSS": 500,
}

// googleErrors is the form of errors in JSON (https://google.aip.dev/193#http11json-representation).
var googleErrors = &Schema{
	Type: "object", Required: []string{"error"}, Properties: map[string]*Schema{"error": {
		Type: "object", Required: []string{"code", "message", "status"},
		Properties: map[string]*Schema{
			"code":    {Type: "integer"},
			"message": {Type: "string", MinLength: 1},
			"status":  {Type: "string"},
			"details": {Type: "array", Items: &Schema{Type: "message"}},
		},
	}},
}

// olderErrors is the form of errors of Cloud Storage, which is older than the others
// (https://cloud.google.com/storage/docs/json_api/v1/status-codes).
var olderErrors = &Schema{
	Type: "object", Required: []string{"error"}, Properties: map[string]*Schema{"error": {
		Type: "object", Required: []string{"code", "message"},
		Properties: map[string]*Schema{
			"code":    {Type: "integer"},
			"message": {Type: "string", MinLength: 1},
			"errors": {Type: "array", Items: &Schema{
				Type: "object", Required: []string{"domain", "message", "reason"}, Open: true,
			}},
		},
	}},
}

func (c *check) googleError(value any) []problem {
	if c.api.Name == "storage/v1" {
		return (&judge{api: c.api}).value(value, olderErrors, "")
	}
	if found := (&judge{api: c.api}).value(value, googleErrors, ""); len(found) > 0 {
		return found
	}
	told := value.(map[string]any)["error"].(map[string]any) //nolint:forcetypeassert // just checked
	name, code := fmt.Sprint(told["status"]), told["code"].(json.Number)
	var found []problem
	if code.String() != fmt.Sprint(c.status) {
		found = append(found, problem{"/error/code", fmt.Sprintf("is %s, the answer's status is %d", code, c.status)})
	}
	switch status, ok := codes[name]; {
	case !ok:
		found = append(found, problem{"/error/status", "is " + brief(name) + ", which is none of " +
			strings.Join(slices.Sorted(maps.Keys(codes)), ", ")})
	case status != c.status:
		found = append(found, problem{"/error/status", fmt.Sprintf("is %s, which goes with %d, not %d", name, status, c.status)})
	}
	return found
}
