package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCatalog(t *testing.T) {
	h := stamp(newCatalog().routes())
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/products", "", http.StatusOK, `"rope-10"`},
		{"GET", "/products?category=lights", "", http.StatusOK, `"lamp-red"`},
		{"GET", "/products/rope-10", "", http.StatusOK, `"price_cents":2450`},
		{"GET", "/products/none", "", http.StatusNotFound, `no such product`},
		{"PUT", "/products/oar", `{"name":"Oar","category":"deck","price_cents":4200}`, http.StatusCreated, `"oar"`},
		{"PUT", "/products/oar", `{"name":"Oar","category":"deck","price_cents":0}`, http.StatusBadRequest, `price`},
		{"PUT", "/products/oar", `{"colour":"red"}`, http.StatusBadRequest, `unknown field`},
		{"DELETE", "/products/oar", "", http.StatusMethodNotAllowed, ``},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, w.Code, w.Body, c.status, c.says)
		}
		if w.Header().Get("X-Shop-Version") != version || w.Header().Get("X-Shop-Revision") != "local" {
			t.Errorf("%s %s does not say what answered: %v", c.method, c.path, w.Header())
		}
	}
}

func TestListFilters(t *testing.T) {
	w := httptest.NewRecorder()
	newCatalog().routes().ServeHTTP(w, httptest.NewRequest("GET", "/products?category=lights", nil))
	if strings.Contains(w.Body.String(), "rope-10") {
		t.Errorf("a rope is no light: %s", w.Body)
	}
}
