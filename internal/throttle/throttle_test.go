package throttle_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gangway-dev/gangway/internal/throttle"
)

// An api answers by a script and notes what it was sent when.
type api struct {
	answers []answer
	began   time.Time
	bodies  []string
	times   []time.Duration
}

type answer struct {
	status     int
	retryAfter string
}

func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.began.IsZero() {
		a.began = time.Now()
	}
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	a.bodies = append(a.bodies, body)
	a.times = append(a.times, time.Since(a.began))
	next := answer{status: http.StatusOK}
	if len(a.answers) > 0 {
		next, a.answers = a.answers[0], a.answers[1:]
	}
	h := http.Header{}
	if next.retryAfter != "" {
		h.Set("Retry-After", next.retryAfter)
	}
	return &http.Response{StatusCode: next.status, Header: h, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func send(ctx context.Context, t *testing.T, transport http.RoundTripper, body string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPatch, "http://api.example/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func TestRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []answer
		limit   time.Duration // of the call; 0 is none
		status  int
		sent    int
		after   time.Duration // that the last one is sent at the earliest
		before  time.Duration // and at the latest
	}{
		"well":                      {status: 200, sent: 1},
		"an error of its own":       {answers: []answer{{status: 500}}, status: 500, sent: 1},
		"seconds":                   {answers: []answer{{429, "7"}}, status: 200, sent: 2, after: 7 * time.Second, before: 7 * time.Second},
		"a date":                    {answers: []answer{{503, "Sat, 01 Jan 2000 00:00:09 GMT"}}, status: 200, sent: 2, after: 9 * time.Second, before: 9 * time.Second},
		"a date that has passed":    {answers: []answer{{503, "Fri, 31 Dec 1999 00:00:00 GMT"}}, status: 200, sent: 2},
		"without a word":            {answers: []answer{{503, ""}, {429, ""}}, status: 200, sent: 3, before: 4 * time.Second},
		"nonsense":                  {answers: []answer{{503, "soon"}}, status: 200, sent: 2, before: 2 * time.Second},
		"again and again":           {answers: []answer{{503, "1"}, {503, "1"}, {503, "1"}, {503, "1"}}, status: 503, sent: 4, after: 3 * time.Second, before: 3 * time.Second},
		"longer than there is time": {answers: []answer{{429, "30"}}, limit: 10 * time.Second, status: 429, sent: 1},
		"for hours":                 {answers: []answer{{429, "7200"}}, status: 200, sent: 2, after: time.Minute, before: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &api{answers: tt.answers}
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				status, err := send(ctx, t, &throttle.Transport{Base: a}, "content")
				if err != nil || status != tt.status || len(a.times) != tt.sent {
					t.Fatalf("status %d, %v, sent %d times; want %d, %d times", status, err, len(a.times), tt.status, tt.sent)
				}
				if last := a.times[len(a.times)-1]; last < tt.after || last > tt.before {
					t.Errorf("the last one is sent after %s, want from %s to %s", last, tt.after, tt.before)
				}
				for _, body := range a.bodies {
					if body != "content" {
						t.Errorf("sent %q", body)
					}
				}
			})
		})
	}
}

// A pause holds for all calls of the API, also those that come later; one that has no time for it fails without a call.
func TestPauseHoldsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{answers: []answer{{429, "40"}}}
		transport := &throttle.Transport{Base: a}
		hurried, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if status, err := send(hurried, t, transport, ""); status != 429 || err != nil {
			t.Fatal(status, err)
		}
		if _, err := send(hurried, t, transport, ""); err == nil || len(a.times) != 1 {
			t.Errorf("%v, %d calls: want an error and no other call", err, len(a.times))
		}
		if status, err := send(t.Context(), t, transport, ""); status != 200 || err != nil || a.times[1] != 40*time.Second {
			t.Errorf("status %d, %v after %s", status, err, a.times[len(a.times)-1])
		}
	})
}

func TestCancelledPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{answers: []answer{{429, "40"}}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := send(ctx, t, &throttle.Transport{Base: a}, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
