package cloudbuild_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/cloudbuild"
	"github.com/gangway-dev/gangway/internal/preview"
)

// What doesn't pass by itself is told on the pull request; everything else is tried again.
func TestStartIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		code   int
		status string
		says   string // of the UserError; "" for what is tried again
	}{
		"no quota in the region": {http.StatusBadRequest, "FAILED_PRECONDITION", "doesn't run builds"},
		"configuration":          {http.StatusBadRequest, "INVALID_ARGUMENT", "refuses the build"},
		"no right":               {http.StatusForbidden, "PERMISSION_DENIED", "may not use Cloud Build"},
		"no connection":          {http.StatusNotFound, "NOT_FOUND", "doesn't know something"},
		"too many":               {http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", ""},
		"broken":                 {http.StatusInternalServerError, "INTERNAL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, good)
			far := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Content-Type", "application/json")
				if r.Method == http.MethodGet {
					_, _ = fmt.Fprint(rw, "{}")
					return
				}
				rw.WriteHeader(tt.code)
				_, _ = fmt.Fprintf(rw, `{"error":{"code":%d,"message":"because","status":%q}}`, tt.code, tt.status)
			}))
			defer far.Close()
			c, err := cloudbuild.New(t.Context(), cloudbuild.Options{Endpoint: far.URL, HTTPClient: far.Client()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_, err = c.Start(t.Context(), w.req)
			user, ok := errors.AsType[*preview.UserError](err)
			if err == nil || ok != (tt.says != "") || ok && (!strings.Contains(user.Summary, tt.says) || !strings.Contains(user.Detail, "because")) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}
