package main

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// A product is what the shop sells.
type product struct {
	SKU      string `json:"sku"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Cents    int64  `json:"price_cents"`
}

// A catalog holds products in memory: every revision starts with the same ones.
type catalog struct {
	mu       sync.Mutex
	products map[string]product
}

func newCatalog() *catalog {
	return &catalog{products: map[string]product{
		"rope-10":    {SKU: "rope-10", Name: "Mooring rope, 10 m", Category: "deck", Cents: 2450},
		"fender-2":   {SKU: "fender-2", Name: "Fender, pair", Category: "deck", Cents: 3990},
		"lamp-red":   {SKU: "lamp-red", Name: "Port light", Category: "lights", Cents: 1825},
		"lamp-green": {SKU: "lamp-green", Name: "Starboard light", Category: "lights", Cents: 1825},
	}}
}

func (c *catalog) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", c.list)
	mux.HandleFunc("GET /products/{sku}", c.get)
	mux.HandleFunc("PUT /products/{sku}", c.put)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func (c *catalog) list(w http.ResponseWriter, r *http.Request) {
	category := r.URL.Query().Get("category")
	c.mu.Lock()
	found := slices.SortedFunc(maps.Values(c.products), func(a, b product) int { return cmp.Compare(a.SKU, b.SKU) })
	c.mu.Unlock()
	if category != "" {
		found = slices.DeleteFunc(found, func(p product) bool { return p.Category != category })
	}
	answer(w, http.StatusOK, map[string]any{"products": found})
}

func (c *catalog) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	p, ok := c.products[r.PathValue("sku")]
	c.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "no such product")
		return
	}
	answer(w, http.StatusOK, p)
}

func (c *catalog) put(w http.ResponseWriter, r *http.Request) {
	var p product
	if !read(w, r, &p) {
		return
	}
	if p.SKU == "" {
		p.SKU = r.PathValue("sku")
	}
	if p.SKU != r.PathValue("sku") || p.Name == "" || p.Cents <= 0 {
		refuse(w, http.StatusBadRequest, "a product needs the SKU of its path, a name and a price")
		return
	}
	c.mu.Lock()
	_, known := c.products[p.SKU]
	c.products[p.SKU] = p
	c.mu.Unlock()
	status := http.StatusOK
	if !known {
		status = http.StatusCreated
	}
	answer(w, status, p)
}
