package apigateway

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// Codes of google.rpc.Code (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
const (
	codeCancelled          = 1
	codeInvalidArgument    = 3
	codeNotFound           = 5
	codeAlreadyExists      = 6
	codePermissionDenied   = 7
	codeResourceExhausted  = 8
	codeFailedPrecondition = 9
	codeAborted            = 10
	codeUnimplemented      = 12
	codeInternal           = 13
	codeUnavailable        = 14
)

// status is an error as the API tells it: google.rpc.Status in an operation, and with the HTTP status in an answer.
type status struct {
	Code    int              `json:"code"`
	Message string           `json:"message"`
	Details []map[string]any `json:"details,omitempty"`

	retryAfter string // seconds, for the header of that name
}

func (s *status) Error() string { return s.Message }

func failf(code int, format string, args ...any) *status {
	return &status{Code: code, Message: fmt.Sprintf(format, args...)}
}

func errNotFound(name string) *status {
	return failf(codeNotFound, "Resource '%s' was not found", name)
}

func errExists(name string) *status {
	return failf(codeAlreadyExists, "Resource '%s' already exists", name)
}

// errQuota has the details that Google's quota errors have
// (https://docs.cloud.google.com/docs/quotas/troubleshoot#exceeding_quotas).
func errQuota(project, metric, limit string, value int, location string) *status {
	s := failf(codeResourceExhausted,
		"Quota exceeded for quota metric '%s' and limit '%s' of service 'apigateway.googleapis.com' for consumer 'projects/%s'.",
		metric, limit, project)
	s.Details = []map[string]any{{
		"@type":  "type.googleapis.com/google.rpc.ErrorInfo",
		"reason": "RATE_LIMIT_EXCEEDED",
		"domain": "googleapis.com",
		"metadata": map[string]string{
			"consumer": "projects/" + project, "service": "apigateway.googleapis.com", "quota_metric": metric,
			"quota_limit": limit, "quota_limit_value": strconv.Itoa(value), "quota_location": location,
		},
	}}
	return s
}

// codeOf maps an HTTP status to the code that stands for it, as far as a fault can ask for one.
func codeOf(httpStatus int) int {
	for code := codeCancelled; code <= codeUnavailable; code++ {
		if s, _ := httpOf(code); s == httpStatus {
			return code
		}
	}
	return codeInternal
}

// httpOf returns the HTTP status and the name of a code.
func httpOf(code int) (int, string) {
	switch code {
	case codeCancelled:
		return 499, "CANCELLED"
	case codeInvalidArgument:
		return http.StatusBadRequest, "INVALID_ARGUMENT"
	case codeNotFound:
		return http.StatusNotFound, "NOT_FOUND"
	case codeAlreadyExists:
		return http.StatusConflict, "ALREADY_EXISTS"
	case codePermissionDenied:
		return http.StatusForbidden, "PERMISSION_DENIED"
	case codeResourceExhausted:
		return http.StatusTooManyRequests, "RESOURCE_EXHAUSTED"
	case codeFailedPrecondition:
		return http.StatusBadRequest, "FAILED_PRECONDITION"
	case codeAborted:
		return http.StatusConflict, "ABORTED"
	case codeUnimplemented:
		return http.StatusNotImplemented, "UNIMPLEMENTED"
	case codeUnavailable:
		return http.StatusServiceUnavailable, "UNAVAILABLE"
	}
	return http.StatusInternalServerError, "INTERNAL"
}

// write sends the error in the form of Google's APIs (https://cloud.google.com/apis/design/errors#http_mapping).
func (s *status) write(w http.ResponseWriter) {
	httpStatus, name := httpOf(s.Code)
	body := map[string]any{"code": httpStatus, "message": s.Message, "status": name}
	if len(s.Details) > 0 {
		body["details"] = s.Details
	}
	if s.retryAfter != "" {
		w.Header().Set("Retry-After", s.retryAfter)
	}
	googleapi.WriteJSON(w, httpStatus, map[string]any{"error": body})
}
