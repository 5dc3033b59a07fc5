package github

import (
	"bytes"
	"container/list"
	"io"
	"maps"
	"net/http"
	"sync"
)

// Bounds of the answers that are kept.
const (
	maxAnswer  = 4 << 20  // bytes of one; larger ones are read anew each time. A page of 100 pull requests has 2 MB
	maxAnswers = 32 << 20 // bytes of all
)

// answers are GitHub's answers with their ETags, so that it is asked whether they still hold, which costs nothing of
// the rate limit when they do. Those that were not used for longest are dropped first.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
type answers struct {
	mu    sync.Mutex
	known map[answerKey]*list.Element
	order *list.List // of *answer, last used first
	bytes int
}

// What an answer holds depends on who asks, so that it is kept for each access.
type answerKey struct {
	access      access
	url, accept string
}

type answer struct {
	key    answerKey
	etag   string
	header http.Header
	body   []byte
}

func newAnswers() *answers { return &answers{known: map[answerKey]*list.Element{}, order: list.New()} }

func keyOf(a access, req *http.Request) answerKey {
	return answerKey{access: a, url: req.URL.String(), accept: req.Header.Get("Accept")}
}

// ask makes req conditional if its answer is known, and returns that.
func (a *answers) ask(by access, req *http.Request) *answer {
	if req.Method != http.MethodGet {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.known[keyOf(by, req)]
	if !ok {
		return nil
	}
	a.order.MoveToFront(e)
	known := e.Value.(*answer) //nolint:errcheck,forcetypeassert // nothing else is in the list
	req.Header.Set("If-None-Match", known.etag)
	return known
}

// take keeps resp if it can be asked for conditionally. To an answer that nothing has changed, it returns known.
func (a *answers) take(by access, req *http.Request, resp *http.Response, known *answer) (*http.Response, error) {
	if resp.StatusCode == http.StatusNotModified && known != nil {
		_ = resp.Body.Close()
		out := *resp
		out.Status, out.StatusCode = "200 OK", http.StatusOK
		out.Header = known.header.Clone()
		maps.Copy(out.Header, resp.Header) // the rate limit of now
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(known.body)), int64(len(known.body))
		return &out, nil
	}
	etag := resp.Header.Get("Etag")
	if req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || etag == "" || by.app() || immutable(req.URL.Path) {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	if len(body) <= maxAnswer {
		a.keep(&answer{key: keyOf(by, req), etag: etag, header: resp.Header.Clone(), body: body})
	}
	return resp, nil
}

func (a *answers) keep(one *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := a.known[one.key]; ok {
		a.drop(e)
	}
	a.known[one.key] = a.order.PushFront(one)
	a.bytes += one.size()
	for a.bytes > maxAnswers {
		a.drop(a.order.Back())
	}
}

// drop needs a.mu.
func (a *answers) drop(e *list.Element) {
	one := a.order.Remove(e).(*answer) //nolint:errcheck,forcetypeassert // nothing else is in the list
	delete(a.known, one.key)
	a.bytes -= one.size()
}

// size is about what an answer takes; headers are small and of like size.
func (a *answer) size() int { return len(a.body) + len(a.key.url) + 2<<10 }
