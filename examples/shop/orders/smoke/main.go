// Command smoke orders something as a customer does. It is what compose.test.yaml runs.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Getenv("TARGET_URL")); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	fmt.Println("smoke: ok")
}

type order struct {
	ID    string `json:"id"`
	Cents int64  `json:"total_cents"`
}

func run(target string) error {
	if err := wait(target+"/orders", 30*time.Second); err != nil {
		return err
	}
	made, err := place(target, 30*time.Second)
	if err != nil {
		return err
	}
	if made.ID == "" || made.Cents <= 0 {
		return fmt.Errorf("order %+v: no id or no total", made)
	}
	var list struct {
		Orders []order `json:"orders"`
	}
	if err := do(http.MethodGet, target+"/orders", "", http.StatusOK, &list); err != nil {
		return err
	}
	if len(list.Orders) == 0 {
		return errors.New("what was ordered is not among the orders")
	}
	return do(http.MethodDelete, target+"/orders/"+made.ID, "", http.StatusOK, &made)
}

// place orders something; the catalog may need a moment until it answers.
func place(target string, timeout time.Duration) (order, error) {
	deadline := time.Now().Add(timeout)
	for {
		var made order
		body := `{"lines":[{"sku":"rope-10","quantity":2},{"sku":"lamp-red","quantity":1}]}`
		err := do(http.MethodPost, target+"/orders", body, http.StatusCreated, &made)
		if err == nil || time.Now().After(deadline) {
			return made, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// wait waits until the service answers.
func wait(url string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		err := do(http.MethodGet, url, "", http.StatusOK, &struct{}{})
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func do(method, url, body string, want int, into any) error {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: 15 * time.Second}
	r, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != want {
		return fmt.Errorf("%s %s: %s, want %d", method, url, r.Status, want)
	}
	return json.NewDecoder(r.Body).Decode(into)
}
