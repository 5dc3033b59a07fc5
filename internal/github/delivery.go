package github

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	api "github.com/google/go-github/v60/github"
)

const (
	// keptDeliveries is for how long GitHub knows deliveries, and sends one again.
	keptDeliveries = 72 * time.Hour
	// maxAttempts is how often a delivery is made in all before it is given up. The pauses between them double, so that the
	// last one is some hours after the first.
	maxAttempts = 10
	// maxAsked is how many deliveries are asked for in one go; the others follow the next time.
	maxAsked = 200
	// maxDeliveryPages bounds how much of the list is read in one go.
	maxDeliveryPages = 200
)

// deliveries remembers those that have failed. How often each was made comes from GitHub's own list, so that nothing has to
// outlive the process: after a restart the list is read as far back as GitHub knows it.
type deliveries struct {
	turn  sync.Mutex // held while they are asked for
	known map[string]*failing
}

// A failing delivery is one whose latest attempt has failed.
type failing struct {
	attempts map[int64]time.Time // by id
	latest   int64
	asked    time.Time // when it was last asked for by this process
	given    bool      // up
}

// at is when it was first and last tried.
func (f *failing) at() (first, last time.Time) {
	for _, at := range f.attempts {
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// due tells whether it is to be asked for now: the first time at once, then after pauses that double.
func (f *failing) due(now time.Time) bool {
	n := len(f.attempts)
	if f.given || n >= maxAttempts {
		return false
	}
	if now.Sub(f.asked) < time.Minute {
		return false // it may not be in the list yet
	}
	_, last := f.at()
	return n == 1 || !now.Before(last.Add(time.Minute<<(n-1)))
}

// RedeliverFailed asks GitHub to send again the pull_request deliveries whose latest attempt failed, and returns how many
// it asked for. The list is read from now back to since; what was read before is remembered. GitHub never sends one again
// by itself.
// https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
func (c *Client) RedeliverFailed(ctx context.Context, since time.Time) (int, error) {
	c.failed.turn.Lock()
	defer c.failed.turn.Unlock()
	list, err := c.listDeliveries(ctx, since)
	if err != nil {
		return 0, translate("listing webhook deliveries", err)
	}
	c.failed.take(list, c.now())
	count, problems := 0, []error(nil)
	for _, f := range c.failed.list(c.now()) {
		if count == maxAsked {
			break
		}
		err := c.redeliver(ctx, f)
		if err == nil {
			count++
			continue
		}
		problems = append(problems, translate("asking for a webhook delivery again", err))
		if _, limited := errors.AsType[*LimitError](err); limited || ctx.Err() != nil {
			break
		}
	}
	return count, errors.Join(problems...)
}

func (c *Client) redeliver(ctx context.Context, f *failing) error {
	_, _, err := c.as(access{}).Apps.RedeliverHookDelivery(ctx, f.latest)
	if _, accepted := errors.AsType[*api.AcceptedError](err); accepted || err == nil { // GitHub answers 202
		f.asked = c.now()
		if len(f.attempts) == maxAttempts-1 {
			c.log.WarnContext(ctx, "a delivery keeps failing: it is asked for a last time", "hook_delivery", f.latest)
		}
		return nil
	}
	if answer, ok := errors.AsType[*api.ErrorResponse](err); ok && answer.Response != nil && answer.Response.StatusCode < 500 {
		f.given = true // GitHub does not know it any more: the next time it won't either
	}
	return err
}

// listDeliveries are the attempts at pull_request deliveries since then, newest first, which is GitHub's order.
func (c *Client) listDeliveries(ctx context.Context, since time.Time) ([]*api.HookDelivery, error) {
	options := &api.ListCursorOptions{PerPage: 100}
	var list []*api.HookDelivery
	for range maxDeliveryPages {
		page, resp, err := c.as(access{}).Apps.ListHookDeliveries(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) {
				return list, nil
			}
			if d.GetEvent() == "pull_request" {
				list = append(list, d)
			}
		}
		if resp.Cursor == "" || resp.Cursor == options.Cursor {
			return list, nil
		}
		options.Cursor = resp.Cursor
	}
	c.log.WarnContext(ctx, "too many webhook deliveries to look at them all", "since", since)
	return list, nil
}

// take adds what the list tells, and forgets what went well, or what GitHub has forgotten.
func (d *deliveries) take(list []*api.HookDelivery, now time.Time) {
	if d.known == nil {
		d.known = map[string]*failing{}
	}
	seen := map[string]bool{} // guid → whether the latest attempt went well, or may not go well ever
	for _, one := range list {
		guid := one.GetGUID()
		settled, known := seen[guid]
		if !known {
			settled = !worthAgain(one.GetStatusCode())
			seen[guid] = settled
		}
		if settled {
			delete(d.known, guid)
			continue
		}
		f := d.known[guid]
		if f == nil {
			f = &failing{attempts: map[int64]time.Time{}}
			d.known[guid] = f
		}
		if !known {
			f.latest = one.GetID()
		}
		f.attempts[one.GetID()] = one.GetDeliveredAt().Time
	}
	for guid, f := range d.known {
		if first, _ := f.at(); now.Sub(first) > keptDeliveries {
			delete(d.known, guid)
		}
	}
}

// list are those that are to be asked for now, oldest first.
func (d *deliveries) list(now time.Time) []*failing {
	var due []*failing
	for _, f := range d.known {
		if f.due(now) {
			due = append(due, f)
		}
	}
	slices.SortFunc(due, func(a, b *failing) int {
		first, _ := a.at()
		other, _ := b.at()
		return cmp.Or(first.Compare(other), cmp.Compare(a.latest, b.latest))
	})
	return due
}

// worthAgain tells whether a delivery that was answered like this may go well the next time. One that was refused for what
// it is will be refused again.
func worthAgain(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return false
	}
	return status < 200 || status > 299
}
