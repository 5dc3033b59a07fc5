package github

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A LimitError says that GitHub asked to pause. Until Until no request of the installation is made, each fails with
// this error at once; other installations go on.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
type LimitError struct {
	Installation int64 // 0: the App itself
	Until        time.Time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("GitHub asked installation %d to pause until %s", e.Installation, e.Until.UTC().Format(time.RFC3339))
}

// minPause is what GitHub asks for where no header says how long; maxPause bounds what is believed.
const (
	minPause = time.Minute
	maxPause = 2 * time.Hour
)

// paused is a *LimitError while the installation has to pause.
func (c *Client) paused(installation int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.pauses[installation]
	if !ok {
		return nil
	}
	if !c.now().Before(until) {
		delete(c.pauses, installation)
		return nil
	}
	return &LimitError{Installation: installation, Until: until}
}

// notePause returns a *LimitError if resp says that a rate limit was hit, and remembers it. A 403 may also be a lack of
// permission: then nothing is noted, and the body is left as it was.
func (c *Client) notePause(installation int64, resp *http.Response) error {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
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
	wait, limited := pause(resp, body, c.now())
	if !limited {
		return nil
	}
	until := c.now().Add(min(max(wait, time.Second), maxPause))
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.pauses[installation]) {
		c.pauses[installation] = until
	}
	c.log.Warn("GitHub asked to pause", "installation_id", installation, "until", c.pauses[installation])
	return &LimitError{Installation: installation, Until: c.pauses[installation]}
}

// pause reads how long GitHub asks to wait, and whether it asks at all.
func pause(resp *http.Response, body []byte, now time.Time) (wait time.Duration, limited bool) {
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 86_400)) * time.Second, true
	}
	if resp.Header.Get("X-Ratelimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(resp.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return time.Unix(reset, 0).Sub(now), true
		}
		return minPause, true
	}
	text := strings.ToLower(string(body))
	limited = resp.StatusCode == http.StatusTooManyRequests ||
		strings.Contains(text, "rate limit") || strings.Contains(text, "abuse detection")
	return minPause, limited
}

// translate turns the library's errors into the core's. doing is a gerund phrase without anything secret.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	if limit, ok := errors.AsType[*LimitError](err); ok {
		return fmt.Errorf("%s: %w", doing, limit)
	}
	answer, ok := errors.AsType[*api.ErrorResponse](err)
	if !ok || answer.Response == nil {
		return fmt.Errorf("%s: %w", doing, unwrapLibrary(err))
	}
	said := fmt.Sprintf("GitHub answered %d: %s", answer.Response.StatusCode, details(answer))
	switch answer.Response.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w", doing, preview.ErrNotFound)
	case http.StatusConflict:
		return fmt.Errorf("%s: %w: %s", doing, preview.ErrConflict, said)
	case http.StatusForbidden, http.StatusGone, http.StatusUnprocessableEntity, http.StatusUnavailableForLegalReasons:
		return fmt.Errorf("%s: %w", doing, &preview.UserError{
			Summary: "GitHub refused a request of the App", Detail: said,
			Hint: "Check the App's permissions on the repository.",
		})
	}
	return fmt.Errorf("%s: %s", doing, said)
}

// details is what GitHub said, bounded: it is shown to people.
func details(e *api.ErrorResponse) string {
	text := e.Message
	for _, one := range e.Errors {
		text += "; " + strings.TrimSpace(strings.Join([]string{one.Resource, one.Field, one.Code, one.Message}, " "))
	}
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}

// unwrapLibrary keeps errors of the standard library (for errors.Is) and turns the library's own into text.
func unwrapLibrary(err error) error {
	if accepted, ok := errors.AsType[*api.AcceptedError](err); ok {
		return errors.New(accepted.Error())
	}
	return err
}

// unknownOutcome tells whether a write that failed with err may have been done all the same: the connection ended
// without an answer, or a server in between gave up.
func unknownOutcome(err error) bool {
	if _, ok := errors.AsType[*LimitError](err); ok {
		return false
	}
	if answer, ok := errors.AsType[*api.ErrorResponse](err); ok && answer.Response != nil {
		return answer.Response.StatusCode >= 500
	}
	return err != nil
}
