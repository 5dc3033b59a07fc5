package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/loopback"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

type object = map[string]any

// call calls a REST API and fails the test unless it answers 2xx. out may be nil.
func call(t *testing.T, method, url string, body, out any) {
	t.Helper()
	status, text, err := send(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, url, status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v", method, url, err)
		}
	}
}

// get reads a page as a person would.
func get(ctx context.Context, url string) (status int, body string, err error) {
	status, text, err := send(ctx, http.MethodGet, url, nil)
	return status, string(text), err
}

func send(ctx context.Context, method, url string, body any) (status int, text []byte, err error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer local")
	transport := loopback.Transport()
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	return response.StatusCode, text, nil
}
