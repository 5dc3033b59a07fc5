package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// A plan is a kind of membership.
type plan struct {
	Name            string `json:"name"`
	DiscountPercent int    `json:"discount_percent"`
}

// A profile is what we know of a customer.
type profile struct {
	ID    string `json:"id"`
	Email string `json:"email,omitempty"`
	Plan  string `json:"plan"`
}

// users holds the customers in memory; each starts with the first plan.
type users struct {
	plans []plan

	mu     sync.Mutex
	chosen map[string]string // customer → plan
}

func newUsers() *users {
	return &users{
		plans:  []plan{{"deckhand", 0}, {"mate", 5}, {"captain", 10}},
		chosen: map[string]string{},
	}
}

func (u *users) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plans", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"plans": u.plans})
	})
	mux.HandleFunc("GET /plans/{name}", u.plan)
	mux.HandleFunc("GET /me", u.me)
	mux.HandleFunc("PUT /me/plan", u.choose)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func (u *users) plan(w http.ResponseWriter, r *http.Request) {
	for _, p := range u.plans {
		if p.Name == r.PathValue("name") {
			answer(w, http.StatusOK, p)
			return
		}
	}
	refuse(w, http.StatusNotFound, "no such plan")
}

func (u *users) me(w http.ResponseWriter, r *http.Request) {
	c, err := caller(r)
	if err != nil {
		refuse(w, http.StatusUnauthorized, err.Error())
		return
	}
	answer(w, http.StatusOK, u.profile(c))
}

func (u *users) choose(w http.ResponseWriter, r *http.Request) {
	c, err := caller(r)
	if err != nil {
		refuse(w, http.StatusUnauthorized, err.Error())
		return
	}
	var wish struct {
		Plan string `json:"plan"`
	}
	if !read(w, r, &wish) {
		return
	}
	for _, p := range u.plans {
		if p.Name == wish.Plan {
			u.mu.Lock()
			u.chosen[c.Subject] = p.Name
			u.mu.Unlock()
			answer(w, http.StatusOK, u.profile(c))
			return
		}
	}
	refuse(w, http.StatusBadRequest, "no such plan")
}

func (u *users) profile(c claims) profile {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := profile{ID: c.Subject, Email: c.Email, Plan: u.plans[0].Name}
	if chosen, ok := u.chosen[c.Subject]; ok {
		p.Plan = chosen
	}
	return p
}

// claims are what we use of a Firebase ID token.
type claims struct {
	Subject string `json:"sub"`
	Email   string `json:"email"`
}

// caller reads who calls. API Gateway has verified the token and passes its claims on, base64url without padding;
// nobody but the gateway may call this service, so that the header can be trusted:
// https://cloud.google.com/api-gateway/docs/authenticating-users-jwt#receive_auth_results_in_your_api
func caller(r *http.Request) (claims, error) {
	header := r.Header.Get("X-Apigateway-Api-Userinfo")
	if header == "" {
		return claims{}, errors.New("nobody is signed in")
	}
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(header, "="))
	var c claims
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil || c.Subject == "" {
		return claims{}, errors.New("who is signed in can't be read")
	}
	return c, nil
}
