package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// maxOrders bounds what is kept in memory.
const maxOrders = 1000

// An order is what somebody has ordered, at the prices of that time.
type order struct {
	ID     string `json:"id"`
	Lines  []line `json:"lines"`
	Cents  int64  `json:"total_cents"`
	Status string `json:"status"` // "open" or "cancelled"
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Cents    int64  `json:"price_cents,omitempty"` // each
}

// errNoProduct says that the catalog has no such product.
var errNoProduct = errors.New("no such product")

// A pricer knows what a product costs.
type pricer interface {
	// Price is in cents. It returns errNoProduct for an unknown SKU.
	Price(ctx context.Context, sku string) (int64, error)
}

// orders holds the orders in memory.
type orders struct {
	prices pricer

	mu   sync.Mutex
	last int
	all  []order
}

func newOrders(p pricer) *orders { return &orders{prices: p} }

func (o *orders) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", o.list)
	mux.HandleFunc("POST /orders", o.create)
	mux.HandleFunc("GET /orders/{id}", o.get)
	mux.HandleFunc("DELETE /orders/{id}", o.cancel)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func (o *orders) list(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	found := append([]order{}, o.all...)
	o.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"orders": found})
}

func (o *orders) create(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		Lines []line `json:"lines"`
	}
	if !read(w, r, &wish) {
		return
	}
	if len(wish.Lines) == 0 || len(wish.Lines) > 50 {
		refuse(w, http.StatusBadRequest, "an order has 1 to 50 lines")
		return
	}
	made := order{Status: "open"}
	for _, l := range wish.Lines {
		if l.Quantity < 1 || l.Quantity > 1000 {
			refuse(w, http.StatusBadRequest, "a quantity is 1 to 1000")
			return
		}
		cents, err := o.prices.Price(r.Context(), l.SKU)
		switch {
		case errors.Is(err, errNoProduct):
			refuse(w, http.StatusBadRequest, "no such product: "+l.SKU)
			return
		case err != nil:
			slog.ErrorContext(r.Context(), "asking the catalog", "error", err)
			refuse(w, http.StatusBadGateway, "the catalog does not answer")
			return
		}
		made.Lines = append(made.Lines, line{SKU: l.SKU, Quantity: l.Quantity, Cents: cents})
		made.Cents += cents * l.Quantity
	}
	answer(w, http.StatusCreated, o.keep(made))
}

func (o *orders) keep(made order) order {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	made.ID = strconv.Itoa(o.last)
	o.all = append(o.all, made)
	if len(o.all) > maxOrders {
		o.all = slices.Delete(o.all, 0, 1)
	}
	return made
}

func (o *orders) get(w http.ResponseWriter, r *http.Request) {
	o.change(w, r.PathValue("id"), func(*order) {})
}

func (o *orders) cancel(w http.ResponseWriter, r *http.Request) {
	o.change(w, r.PathValue("id"), func(found *order) { found.Status = "cancelled" })
}

func (o *orders) change(w http.ResponseWriter, id string, change func(*order)) {
	o.mu.Lock()
	i := slices.IndexFunc(o.all, func(a order) bool { return a.ID == id })
	var found order
	if i >= 0 {
		change(&o.all[i])
		found = o.all[i]
	}
	o.mu.Unlock()
	if i < 0 {
		refuse(w, http.StatusNotFound, "no such order")
		return
	}
	answer(w, http.StatusOK, found)
}
