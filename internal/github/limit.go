package github

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A LimitError says that GitHub asked to pause, or that too many writes wait already. Until Until no such request of the
// installation is made, each fails with this error at once; other installations go on.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
type LimitError struct {
	Installation int64 // 0: the App itself
	Until        time.Time
	Writes       bool // it is only the writes that have to wait
	Away         bool // GitHub did not ask: it did not answer
}

func (e *LimitError) Error() string {
	until := e.Until.UTC().Format(time.RFC3339)
	if e.Writes {
		return fmt.Sprintf("more writes of installation %d wait already than GitHub takes until %s", e.Installation, until)
	}
	if e.Away {
		return fmt.Sprintf("GitHub does not answer installation %d, and is left alone until %s", e.Installation, until)
	}
	return fmt.Sprintf("GitHub asked installation %d to pause until %s", e.Installation, until)
}

const (
	// minPause is what GitHub asks for where no header says how long; it doubles up to maxGuess while GitHub goes on
	// refusing. maxPause bounds what is believed of headers.
	minPause = time.Minute
	maxGuess = time.Hour
	maxPause = 2 * time.Hour
	// slow is after how long a request that gets no answer counts as one that was waited for in vain. GitHub is left alone
	// for silence then, so that whoever has other things to do does not wait for each of its requests.
	slow    = 10 * time.Second
	silence = 30 * time.Second
	// defaultInterval is what GitHub asks for between two writes. It also keeps below 80 a minute.
	// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
	defaultInterval = time.Second
	// maxWaiting is how many writes of an installation wait for their turn at once.
	maxWaiting = 5
	// maxWait is how long one waits at most, so that it goes out before its client gives up.
	maxWait = 10 * time.Second
)

// A pause is how long GitHub wants to be left alone.
type pause struct {
	until   time.Time
	guesses int  // pauses in a row that no header gave a length
	away    bool // it is GitHub that does not answer
}

// paused is a *LimitError while the installation has to pause.
func (c *Client) paused(installation int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pauses[installation]
	if p == nil || !c.now().Before(p.until) {
		return nil
	}
	return &LimitError{Installation: installation, Until: p.until, Away: p.away}
}

// noteSilence leaves GitHub alone for a while if a request has been waited for in vain.
func (c *Client) noteSilence(installation int64, began time.Time) {
	if c.now().Sub(began) < slow {
		return
	}
	until := c.pause(installation, silence, true)
	c.log.Warn("GitHub does not answer", "installation_id", installation, "until", until)
}

// turn waits until a write of the installation may go out. When too many wait already it does not, so that whoever has
// other things to do can go on with them.
func (c *Client) turn(ctx context.Context, installation int64) error {
	c.mu.Lock()
	now := c.now()
	at := c.writes[installation]
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) > min(maxWaiting*c.interval, maxWait) {
		c.mu.Unlock()
		return &LimitError{Installation: installation, Until: at, Writes: true}
	}
	c.writes[installation] = at.Add(c.interval)
	c.mu.Unlock()
	if at.Equal(now) {
		return nil
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notePause returns a *LimitError if resp says that a rate limit was hit, and remembers it. A 403 may also be a lack of
// permission: then nothing is noted, and the body is left as it was. An answer that says that nothing is left for the
// next one is good, but remembered too.
func (c *Client) notePause(installation int64, resp *http.Response) error {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		c.noteLeft(installation, resp)
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	wait, limited := pauseOf(resp, body, c.now())
	if !limited {
		return nil
	}
	until := c.pause(installation, wait, false)
	c.log.Warn("GitHub asked to pause", "installation_id", installation, "until", until)
	return &LimitError{Installation: installation, Until: until}
}

// pause notes a pause, and returns until when it is. A wait of 0 is one of unknown length; away is that GitHub did not ask.
func (c *Client) pause(installation int64, wait time.Duration, away bool) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pauses[installation]
	if p == nil {
		p = &pause{}
		c.pauses[installation] = p
	}
	if wait == 0 {
		// Requests that were under way together are refused together: that counts once.
		if !c.now().Before(p.until) {
			p.guesses++
		}
		wait = min(minPause<<min(max(p.guesses-1, 0), 10), maxGuess)
	}
	if until := c.now().Add(min(max(wait, time.Second), maxPause)); until.After(p.until) {
		p.until, p.away = until, away
	}
	return p.until
}

// noteLeft looks at how much of the rate limit is left, and ends the growth of pauses of unknown length.
func (c *Client) noteLeft(installation int64, resp *http.Response) {
	resource := resp.Header.Get("X-Ratelimit-Resource")
	if resp.Header.Get("X-Ratelimit-Remaining") == "0" && (resource == "" || resource == "core") {
		if reset, err := strconv.ParseInt(resp.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			c.pause(installation, max(time.Unix(reset, 0).Sub(c.now()), time.Second), false)
		}
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pauses[installation]; p != nil && !c.now().Before(p.until) {
		delete(c.pauses, installation)
	}
}

// pauseOf reads how long GitHub asks to wait (0: it does not say), and whether it asks at all.
func pauseOf(resp *http.Response, body []byte, now time.Time) (wait time.Duration, limited bool) {
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(min(max(seconds, 1), 86_400)) * time.Second, true
	}
	if resp.Header.Get("X-Ratelimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(resp.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return max(time.Unix(reset, 0).Sub(now), time.Second), true
		}
		return 0, true
	}
	text := strings.ToLower(string(body))
	limited = resp.StatusCode == http.StatusTooManyRequests ||
		strings.Contains(text, "rate limit") || strings.Contains(text, "abuse detection")
	return 0, limited
}
