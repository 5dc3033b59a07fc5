package googleapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// An Error is an answer in Google's error shape: https://google.aip.dev/193
type Error struct {
	Code    int    // of HTTP
	Status  string // such as INVALID_ARGUMENT
	Message string
}

func (e *Error) Error() string { return e.Message }

// NewError makes an error of an HTTP status, its name in Google's words, and a message.
func NewError(code int, status, message string) *Error { return &Error{code, status, message} }

// Invalid is the error of a request that is wrong by itself.
func Invalid(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf(format, args...)}
}

// Answer answers with v, or with an error; one that is no [Error] is the emulator's own fault.
func Answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = &Error{http.StatusInternalServerError, "INTERNAL", err.Error()}
		}
		status = e.Code
		v = map[string]any{"error": map[string]any{"code": e.Code, "message": e.Message, "status": e.Status}}
	}
	WriteJSON(w, status, v)
}

// PageToken is the token of the page after skip entries.
func PageToken(skip int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(skip)))
}

// ReadPageToken is how many entries are before a page; "" is the first one. ok is false for what [PageToken] has not made.
func ReadPageToken(text string) (skip int, ok bool) {
	if text == "" {
		return 0, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, false
	}
	skip, err = strconv.Atoi(string(raw))
	return skip, err == nil && skip >= 0
}
