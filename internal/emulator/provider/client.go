package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"google.golang.org/api/googleapi"
)

const (
	// maxResponse bounds a response: an API config with its documents can have 10 MB, a third more in base64.
	maxResponse = 64 << 20
	// readTimeout bounds a call with its repetitions that has no time limit of its own.
	readTimeout = 5 * time.Minute
	// firstDelay and maxDelay are the pauses before a refused call is repeated.
	firstDelay = 500 * time.Millisecond
	maxDelay   = 10 * time.Second
)

// client makes REST calls as the real provider does.
type client struct {
	settings
	lifetime context.Context //nolint:containedctx // of the served instance: calls have to end with it, not with a request
	http     *http.Client
}

// A call is one REST call.
type call struct {
	method  string
	path    string // after the endpoint, may have a query
	body    map[string]any
	timeout time.Duration // with all repetitions; 0 is readTimeout
}

// do sends a call and repeats it while the far end answers that it is busy or out of order, as the real provider does
// even for what is not idempotent. Errors of the far end are a *googleapi.Error.
func (c *client) do(ctx context.Context, r call) (map[string]any, error) {
	if r.timeout == 0 {
		r.timeout = readTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	delay := firstDelay
	for {
		res, err := c.once(ctx, r)
		if err == nil || !repeatable(err) {
			return res, err
		}
		if !sleep(ctx, delay) {
			return nil, err
		}
		delay = min(2*delay, maxDelay)
	}
}

func (c *client) once(ctx context.Context, r call) (map[string]any, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := googleapi.CheckResponse(res); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxResponse))
	if err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	var out map[string]any
	if len(data) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *client) request(ctx context.Context, r call) (*http.Request, error) {
	u, err := url.Parse(c.endpoint + r.path)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	q := u.Query()
	q.Set("alt", "json")
	u.RawQuery = q.Encode()
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("building the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if c.billingProject != "" {
		req.Header.Set("X-Goog-User-Project", c.billingProject)
	}
	if c.requestReason != "" {
		req.Header.Set("X-Goog-Request-Reason", c.requestReason)
	}
	return req, nil
}

// repeatable tells whether a call is worth repeating.
func repeatable(err error) bool {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code == http.StatusTooManyRequests || e.Code >= 500 && e.Code != http.StatusNotImplemented && e.Code != http.StatusGatewayTimeout
	}
	// A refused connection is not among them: nobody listens there.
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func isNotFound(err error) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == http.StatusNotFound
}

// sleep waits and tells whether it could do so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
