package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxMissing is how often in a row an operation may be unknown to the far end: a new one is not known everywhere at once.
const maxMissing = 20

// An operationError is the error that an operation ended with.
type operationError struct {
	code    float64
	message string
}

func (e *operationError) Error() string {
	return fmt.Sprintf("Error code %v, message: %s", e.code, e.message)
}

// wait looks at the operation that a call has answered with until it is done: at once, and then once per poll interval.
// A response without a name is not an operation: the call was synchronous.
func (c *client) wait(ctx context.Context, op map[string]any, activity string, timeout time.Duration) error {
	name, _ := op["name"].(string)
	if name == "" {
		return nil
	}
	if done, _ := op["done"].(bool); done {
		return outcome(op)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := c.poll(ctx, name); err != nil {
		return fmt.Errorf("Error waiting for %s: %w", activity, err) //nolint:revive,staticcheck // the real provider's text
	}
	return nil
}

func (c *client) poll(ctx context.Context, name string) error {
	missing := 0
	for {
		op, err := c.do(ctx, call{method: http.MethodGet, path: name})
		switch {
		case err == nil:
			missing = 0
			if err := outcome(op); err != nil {
				return err
			}
			if done, _ := op["done"].(bool); done {
				return nil
			}
		case isNotFound(err):
			if missing++; missing > maxMissing {
				return fmt.Errorf("couldn't find resource (%d retries)", missing)
			}
		case errors.Is(err, context.DeadlineExceeded):
			return errTimeout
		default:
			return fmt.Errorf("error while retrieving operation: %w", err)
		}
		if !sleep(ctx, c.pollInterval) {
			return errTimeout
		}
	}
}

var errTimeout = errors.New("timeout while waiting for state to become 'done: true'")

// outcome is the error of an operation, if it has one.
func outcome(op map[string]any) error {
	status, ok := op["error"].(map[string]any)
	if !ok {
		return nil
	}
	code, _ := status["code"].(float64)
	message, _ := status["message"].(string)
	return &operationError{code: code, message: message}
}
