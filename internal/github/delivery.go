package github

import (
	"context"
	"errors"
	"net/http"
	"time"

	api "github.com/google/go-github/v60/github"
)

// RedeliverFailed asks GitHub to send again the pull_request deliveries since then whose latest attempt failed, each
// once, and returns how many it asked for. GitHub never does so by itself, and knows them for three days.
// https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
func (c *Client) RedeliverFailed(ctx context.Context, since time.Time) (int, error) {
	failed, err := c.failedDeliveries(ctx, since)
	if err != nil {
		return 0, translate("listing webhook deliveries", err)
	}
	count, problems := 0, []error(nil)
	for _, id := range failed {
		_, _, err := c.as(0).Apps.RedeliverHookDelivery(ctx, id)
		if _, accepted := errors.AsType[*api.AcceptedError](err); accepted || err == nil { // GitHub answers 202
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

// failedDeliveries are the ids of the latest attempts that failed, oldest first. GitHub lists the newest attempt first.
func (c *Client) failedDeliveries(ctx context.Context, since time.Time) ([]int64, error) {
	options := &api.ListCursorOptions{PerPage: 100}
	seen := map[string]bool{}
	var failed []int64
	for {
		page, resp, err := c.as(0).Apps.ListHookDeliveries(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) {
				return failed, nil
			}
			if d.GetEvent() != "pull_request" || seen[d.GetGUID()] {
				continue
			}
			seen[d.GetGUID()] = true
			if worthAgain(d.GetStatusCode()) {
				failed = append([]int64{d.GetID()}, failed...)
			}
		}
		if resp.Cursor == "" || resp.Cursor == options.Cursor {
			return failed, nil
		}
		options.Cursor = resp.Cursor
	}
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
