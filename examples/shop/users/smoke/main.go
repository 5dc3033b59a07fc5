// Command smoke calls a running users service as its users do. It is what compose.test.yaml runs.
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
	if err := wait(target+"/plans", 30*time.Second); err != nil {
		return err
	}
	var list struct {
		Plans []struct {
			Name string `json:"name"`
		} `json:"plans"`
	}
	if err := get(target+"/plans", &list); err != nil {
		return err
	}
	if len(list.Plans) == 0 {
		return errors.New("there are no plans")
	}
	for _, p := range list.Plans {
		if err := get(target+"/plans/"+p.Name, &struct{}{}); err != nil {
			return err
		}
	}
	if err := get(target+"/me", &struct{}{}); err == nil {
		return errors.New("GET /me answers although nobody is signed in")
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
