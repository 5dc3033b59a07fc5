package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	h := stamp(newUsers().routes())
	ada := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ada","email":"ada@example.com"}`))
	for _, c := range []struct {
		name, method, path, user, body string
		status                         int
		says                           string
	}{
		{"public", "GET", "/plans", "", "", http.StatusOK, `"captain"`},
		{"one plan", "GET", "/plans/mate", "", "", http.StatusOK, `"discount_percent":5`},
		{"no such plan", "GET", "/plans/pirate", "", "", http.StatusNotFound, `no such plan`},
		{"nobody", "GET", "/me", "", "", http.StatusUnauthorized, `nobody`},
		{"garbage", "GET", "/me", "!!", "", http.StatusUnauthorized, `can't be read`},
		{"no subject", "GET", "/me", base64.RawURLEncoding.EncodeToString([]byte(`{}`)), "", http.StatusUnauthorized, `can't be read`},
		{"signed in", "GET", "/me", ada, "", http.StatusOK, `"email":"ada@example.com","plan":"deckhand"`},
		{"choose", "PUT", "/me/plan", ada, `{"plan":"captain"}`, http.StatusOK, `"plan":"captain"`},
		{"padded", "GET", "/me", ada + "==", "", http.StatusOK, `"plan":"captain"`},
		{"bad choice", "PUT", "/me/plan", ada, `{"plan":"pirate"}`, http.StatusBadRequest, `no such plan`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
			if c.user != "" {
				r.Header.Set("X-Apigateway-Api-Userinfo", c.user)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s, want %d with %s", w.Code, w.Body, c.status, c.says)
			}
		})
	}
}
