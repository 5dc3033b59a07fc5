package apigateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/googleapis/gax-go/v2"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gangway-dev/gangway/internal/preview"
)

// An operation is a deletion that is under way.
type operation interface {
	Done() bool
	Poll(ctx context.Context, opts ...gax.CallOption) error
}

// wait looks at op until it is done.
func (c *Client) wait(ctx context.Context, what string, op operation) error {
	pause := c.poll
	for {
		err := op.Poll(ctx)
		if op.Done() {
			return translate(what, err)
		}
		// A new operation is not known everywhere at once.
		if err != nil && !isNotFound(err) {
			return translate(what, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
		pause = min(2*pause, maxPollInterval)
	}
}

// translate gives Google's errors the core's names; nil stays nil.
func translate(what string, err error) error {
	if err == nil {
		return nil
	}
	var sentinel error
	switch {
	case isNotFound(err):
		sentinel = preview.ErrNotFound
	case hasCode(err, http.StatusConflict, codes.FailedPrecondition), hasCode(err, http.StatusConflict, codes.Aborted):
		sentinel = preview.ErrConflict
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %s", what, sentinel, message(err))
}

func isNotFound(err error) bool { return hasCode(err, http.StatusNotFound, codes.NotFound) }

// hasCode tells whether an answer had an HTTP status, or an operation ended with a code.
func hasCode(err error, httpStatus int, code codes.Code) bool {
	if api, ok := errors.AsType[*apierror.APIError](err); ok && api.HTTPCode() > 0 {
		return api.HTTPCode() == httpStatus
	}
	s, ok := status.FromError(err)
	return ok && s.Code() == code
}

// message is what Google said, without the framing of its library.
func message(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
