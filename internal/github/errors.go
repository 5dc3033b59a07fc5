package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

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

// answered tells whether err is GitHub's answer of that status.
func answered(err error, status int) bool {
	answer, ok := errors.AsType[*api.ErrorResponse](err)
	return ok && answer.Response != nil && answer.Response.StatusCode == status
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
