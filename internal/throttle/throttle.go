// Package throttle is an HTTP transport for clients of Google's APIs that obeys Retry-After. The client libraries try some
// calls again by themselves, but with pauses of their own choice, and not after 429.
//
// A request that the API had no room for (429, 503) is sent again after the pause that the answer names, or else a random one
// that doubles; while the API has asked for a pause, no other request goes out either. It is for requests that may be sent
// twice: reads, writes guarded by an etag, and deletions.
package throttle

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	attempts   = 4                // of one request, the first included
	firstPause = time.Second      // longest random pause after the first attempt
	maxPause   = time.Minute      // that is waited for at all; an API that asks for more is asked again after it
	maxDrain   = 64 << 10         // of an answer that is not used, so that its connection can be
	margin     = time.Millisecond // what has to be left of a deadline after a pause
)

// A Transport is safe for concurrent use. Use one for each API.
type Transport struct {
	Base http.RoundTripper

	mu    sync.Mutex
	until time.Time // nothing is sent before
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		if err := t.await(r.Context()); err != nil {
			return nil, err
		}
		request, err := again(r, attempt)
		if err != nil {
			return nil, err
		}
		response, err := t.Base.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
			return response, err
		}
		pause, asked := retryAfter(response.Header.Get("Retry-After"), time.Now())
		if asked {
			t.hold(pause)
		} else {
			pause = rand.N(firstPause<<(attempt-1)) + time.Millisecond //nolint:gosec // who guesses a pause gains nothing
		}
		if attempt == attempts || r.Body != nil && r.GetBody == nil || !left(r.Context(), pause) {
			return response, nil
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxDrain))
		_ = response.Body.Close()
		if err := sleep(r.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// again is r, or for a later attempt a copy of it with its body from the beginning.
func again(r *http.Request, attempt int) (*http.Request, error) {
	if attempt == 1 || r.GetBody == nil {
		return r, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, fmt.Errorf("sending a request again: %w", err)
	}
	copied := r.Clone(r.Context())
	copied.Body = body
	return copied, nil
}

// hold lets nothing out for a while.
func (t *Transport) hold(pause time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := time.Now().Add(pause); until.After(t.until) {
		t.until = until
	}
}

// await waits as long as the API has asked for, or fails at once when there is no time for that.
func (t *Transport) await(ctx context.Context) error {
	t.mu.Lock()
	pause := time.Until(t.until)
	t.mu.Unlock()
	switch {
	case pause <= 0:
		return nil
	case !left(ctx, pause):
		return fmt.Errorf("the API has asked to be left alone for another %s", pause.Round(time.Second))
	}
	return sleep(ctx, pause)
}

// left tells whether a pause ends before the deadline.
func left(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > pause+margin
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryAfter reads the header, seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func retryAfter(header string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(0, date.Sub(now)), maxPause), true
	}
	return 0, false
}
