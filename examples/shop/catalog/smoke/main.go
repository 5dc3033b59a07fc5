// Command smoke calls a running catalog as its users do. It is what compose.test.yaml runs.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Getenv("TARGET_URL")); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	fmt.Println("smoke: ok")
}

func run(target string) error {
	if err := wait(target+"/products", 30*time.Second); err != nil {
		return err
	}
	var list struct {
		Products []struct {
			SKU   string `json:"sku"`
			Cents int64  `json:"price_cents"`
		} `json:"products"`
	}
	if err := get(target+"/products", &list); err != nil {
		return err
	}
	if len(list.Products) == 0 {
		return errors.New("the catalog is empty")
	}
	for _, p := range list.Products {
		if p.SKU == "" || p.Cents <= 0 {
			return fmt.Errorf("product %+v: no SKU or no price", p)
		}
	}
	return nil
}

// wait waits until the service answers.
func wait(url string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		err := get(url, &struct{}{})
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func get(url string, into any) error {
	client := &http.Client{Timeout: 10 * time.Second}
	r, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, r.Status)
	}
	return json.NewDecoder(r.Body).Decode(into)
}
