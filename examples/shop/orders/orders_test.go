package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// far is a catalog that wants a token, and the metadata server that gives it.
func far(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /computeMetadata/v1/instance/service-accounts/default/identity", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("token for " + r.URL.Query().Get("audience") + "\n"))
	})
	mux.HandleFunc("GET /products/{sku}", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer token for https://catalog.example":
			w.WriteHeader(http.StatusUnauthorized)
		case r.PathValue("sku") != "rope-10":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"sku":"rope-10","price_cents":2450}`))
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w
}

func TestOrders(t *testing.T) {
	s := far(t)
	h := stamp(newOrders(newPrices(s.URL+"/", "https://catalog.example", strings.TrimPrefix(s.URL, "http://"))).routes())
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/orders", "", http.StatusOK, `{"orders":[]}`},
		{"POST", "/orders", `{"lines":[{"sku":"rope-10","quantity":2}]}`, http.StatusCreated, `"total_cents":4900`},
		{"POST", "/orders", `{"lines":[{"sku":"none","quantity":2}]}`, http.StatusBadRequest, `no such product: none`},
		{"POST", "/orders", `{"lines":[{"sku":"rope-10","quantity":0}]}`, http.StatusBadRequest, `quantity`},
		{"POST", "/orders", `{"lines":[]}`, http.StatusBadRequest, `1 to 50`},
		{"GET", "/orders/1", "", http.StatusOK, `"status":"open"`},
		{"DELETE", "/orders/1", "", http.StatusOK, `"status":"cancelled"`},
		{"GET", "/orders/2", "", http.StatusNotFound, `no such order`},
	} {
		w := call(t, h, c.method, c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, w.Code, w.Body, c.status, c.says)
		}
		if w.Header().Get("X-Shop-Version") != version {
			t.Errorf("%s %s does not say what answered: %v", c.method, c.path, w.Header())
		}
	}
}

func TestWrongAudienceIsNotTheCustomersFault(t *testing.T) {
	s := far(t)
	h := newOrders(newPrices(s.URL, "https://other.example", strings.TrimPrefix(s.URL, "http://"))).routes()
	if w := call(t, h, "POST", "/orders", `{"lines":[{"sku":"rope-10","quantity":1}]}`); w.Code != http.StatusBadGateway {
		t.Errorf("%d %s, want 502", w.Code, w.Body)
	}
}

func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	s := far(t)
	local := strings.Replace(s.URL, "127.0.0.1", "pr-7---catalog.localhost", 1)
	p := newPrices(local, "https://catalog.example", strings.TrimPrefix(s.URL, "http://"))
	if cents, err := p.Price(t.Context(), "rope-10"); err != nil || cents != 2450 {
		t.Errorf("%d, %v", cents, err)
	}
}
