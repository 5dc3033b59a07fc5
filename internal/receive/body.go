package receive

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// A body of more bytes than this is large. GitHub's are 20 to 40 kB.
	largeBody = 1 << 20
	// largeBodies is how many large bodies are in memory at once: anybody can send them, and the signature can only
	// be checked over the whole.
	largeBodies = 2
	// A buffer that has grown beyond this is not kept for the next body.
	maxKept = 256 << 10
)

// buffers keeps buffers for reuse. The zero value is ready.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *bytes.Buffer {
	if buffer, ok := b.pool.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

func (b *buffers) put(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxKept {
		buffer.Reset()
		b.pool.Put(buffer)
	}
}

// readBody reads the whole body, which may not be longer than maxBody. release has to be called when err is nil.
func (h *handler) readBody(w http.ResponseWriter, r *http.Request) (buffer *bytes.Buffer, release func(), err error) {
	if r.ContentLength > h.maxBody {
		return nil, nil, tooLarge()
	}
	deadline := time.Now().Add(h.timeout)
	leave, err := h.enter(r, deadline)
	if err != nil {
		return nil, nil, err
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		leave()
		return nil, nil, &refusal{http.StatusRequestTimeout, "refused", "connection is broken"}
	}
	buffer = h.buffers.get()
	release = func() {
		h.buffers.put(buffer)
		leave()
	}
	// Not ContentLength bytes at once: who announces a body may never send it.
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, h.maxBody)); err != nil {
		release()
		return nil, nil, bodyRefusal(err)
	}
	// Or else the deadline would end the request's context during the publish.
	_ = control.SetReadDeadline(time.Time{})
	return buffer, release, nil
}

// enter waits for a place among the large bodies, if the request may need one.
func (h *handler) enter(r *http.Request, deadline time.Time) (leave func(), err error) {
	if r.ContentLength >= 0 && r.ContentLength <= largeBody {
		return func() {}, nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case h.large <- struct{}{}:
		return func() { <-h.large }, nil
	case <-timer.C:
	case <-r.Context().Done():
	}
	return nil, &refusal{http.StatusServiceUnavailable, "overloaded", "too many large deliveries at once: deliver it again"}
}

func bodyRefusal(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{http.StatusRequestTimeout, "refused", "body came too slowly"}
	}
	return &refusal{http.StatusBadRequest, "malformed", "body could not be read to its end"}
}

func tooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, "refused", "body is larger than GitHub's limit of 25 MB"}
}
