package conformance

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Options say what is checked.
type Options struct {
	// APIs are tried in this order; the first one with the operation counts.
	APIs []*API
	// Outside are the beginnings of paths that are no part of an API and are not checked.
	Outside []string
	// Report gets each violation, before the answer is sent. It may be called by several goroutines at once.
	Report func(Violation)
}

// Handler checks what next is asked and answers. It passes everything on as it is,
// the answer when it is whole.
func Handler(o Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range o.Outside {
			if strings.HasPrefix(r.URL.Path, prefix) {
				next.ServeHTTP(w, r)
				return
			}
		}
		x := &exchange{request: r, url: *r.URL}
		var whole bool
		x.body, whole = x.read()
		answer := &recorder{ResponseWriter: w}
		defer answer.send() // also when next panics, which ends the connection: what it wrote so far is sent
		next.ServeHTTP(answer, r)
		x.status, x.header, x.answer = answer.code(), w.Header(), answer.body.Bytes()
		if !whole {
			return // too large for the emulator as well: the client has its error, or went away
		}
		for _, v := range x.check(o.APIs) {
			o.Report(v)
		}
	})
}

// maxBody is more than any emulator takes.
const maxBody = 64 << 20

// An exchange is a request with its answer.
type exchange struct {
	request *http.Request
	url     url.URL
	body    []byte
	status  int
	header  http.Header
	answer  []byte
}

// read takes the body and puts it back. It is not whole if it is too large or the client went away.
func (x *exchange) read() (body []byte, whole bool) {
	from := x.request.Body
	body, err := io.ReadAll(io.LimitReader(from, maxBody))
	x.request.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), from), from}
	return body, err == nil && len(body) < maxBody
}

// A recorder keeps an answer until it is sent.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

func (r *recorder) send() {
	if r.status != 0 {
		r.ResponseWriter.WriteHeader(r.status)
		_, _ = r.ResponseWriter.Write(r.body.Bytes())
	}
}
