package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gangway-dev/gangway/internal/loopback"
)

// A rest calls REST APIs as an operator's script would, without any client library.
type rest struct{ client *http.Client }

func newREST() *rest {
	return &rest{client: &http.Client{Transport: loopback.Transport(), Timeout: time.Minute}}
}

// errAbsent says 404.
var errAbsent = errors.New("not found")

const maxAnswer = 8 << 20

// call sends body as JSON, if there is one, and reads the answer into out, if that is wanted.
func (r *rest) call(ctx context.Context, method, url string, body, out any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer local")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, url, errAbsent)
	case response.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, messageOf(text))
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

// messageOf is what an error's body says, in GitHub's shape or Google's, or else all of it.
func messageOf(text []byte) string {
	var body struct {
		Message string
		Error   struct{ Status, Message string }
	}
	switch err := json.Unmarshal(text, &body); {
	case err == nil && body.Error.Message != "":
		return body.Error.Status + ": " + body.Error.Message
	case err == nil && body.Message != "":
		return body.Message
	}
	return string(bytes.TrimSpace(text))
}

// get reads a page as a person would; headers are pairs of name and value.
func (r *rest) get(ctx context.Context, url string, headers ...string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, string(text), err
}

// await waits until url answers 200.
func (r *rest) await(ctx context.Context, url string) error {
	for range 100 {
		if status, _, err := r.get(ctx, url); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer", url)
}

// An operation is a long-running operation of Google's APIs.
type operation struct {
	Name     string          `json:"name"`
	Done     bool            `json:"done"`
	Metadata json.RawMessage `json:"metadata"`
	Error    *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// do calls and waits for the operation that comes back; base is where operations are asked for.
func (r *rest) do(ctx context.Context, method, url string, body any, base string) error {
	var op operation
	if err := r.call(ctx, method, url, body, &op); err != nil {
		return err
	}
	for !op.Done {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if err := r.call(ctx, http.MethodGet, base+"/"+op.Name, nil, &op); err != nil {
			return err
		}
	}
	if op.Error != nil {
		return fmt.Errorf("%s %s: %s", method, url, op.Error.Message)
	}
	return nil
}
