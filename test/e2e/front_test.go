package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// A front stands before the webhook as Cloud Run's does: its address stays while instances come and go, each request goes to
// the next of them, and without one it answers 503. It can hold an answer back.
type front struct {
	*httptest.Server

	mu        sync.Mutex
	instances []string // URLs
	next      int
	answered  chan struct{}
	resume    chan struct{}
}

func newFront(t *testing.T) *front {
	f := &front{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *front) leadTo(instances ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instances = instances
}

// instance is the one whose turn it is; "" is none.
func (f *front) instance() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.instances) == 0 {
		return ""
	}
	f.next++
	return f.instances[f.next%len(f.instances)]
}

// hold keeps the next 202 back: the channel is closed when the webhook has given it, and GitHub sees it after release.
func (f *front) hold() (answered <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered, f.resume = make(chan struct{}), make(chan struct{})
	return f.answered
}

// release lets the answer go that is held back, if there is one.
func (f *front) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resume != nil {
		close(f.resume)
	}
	f.answered, f.resume = nil, nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := f.pass(r, f.instance())
	if status == http.StatusAccepted {
		f.mu.Lock()
		answered, resume := f.answered, f.resume
		f.answered = nil
		f.mu.Unlock()
		if answered != nil {
			close(answered)
			select {
			case <-resume:
			case <-r.Context().Done():
			}
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (f *front) pass(r *http.Request, instance string) (status int, answer []byte) {
	content, err := io.ReadAll(r.Body)
	if err != nil || instance == "" {
		return http.StatusServiceUnavailable, nil
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, instance+r.URL.Path, bytes.NewReader(content))
	if err != nil {
		return http.StatusBadGateway, nil
	}
	request.Header = r.Header.Clone()
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return http.StatusServiceUnavailable, nil
	}
	defer response.Body.Close() //nolint:errcheck // read only
	answer, _ = io.ReadAll(response.Body)
	return response.StatusCode, answer
}
