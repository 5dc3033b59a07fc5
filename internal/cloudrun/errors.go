package cloudrun

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/gangway-dev/gangway/internal/preview"
)

// translate puts Cloud Run's answer into the words of package preview, where it has some.
func translate(err error) error {
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return err
	}
	switch answer.Code {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", preview.ErrNotFound, err)
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", preview.ErrConflict, err)
	}
	return err
}

// refused makes a [*preview.UserError] of an answer that will be the same until somebody changes something, and nil of
// any other error.
func refused(service string, err error) error {
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return nil
	}
	switch {
	case answer.Code == http.StatusConflict && strings.Contains(answer.Message, "with different configuration"):
		// The name of a revision that was made of something else. To read the service again doesn't help.
		return &preview.UserError{Summary: "Cloud Run refused the revision of service " + service, Detail: answer.Message}
	case answer.Code == http.StatusBadRequest:
		return &preview.UserError{Summary: "Cloud Run refused the revision of service " + service, Detail: answer.Message}
	case answer.Code == http.StatusForbidden:
		return &preview.UserError{
			Summary: "Gangway may not deploy to Cloud Run service " + service, Detail: answer.Message,
			Hint: "`gangway doctor` tells which role is missing.",
		}
	}
	return nil
}

func missing(ref preview.ServiceRef) error {
	return &preview.UserError{
		Summary: fmt.Sprintf("Cloud Run service %s does not exist in project %s, region %s", ref.Name, ref.Project, ref.Region),
		Hint: "Deploy it once from the base branch: a preview's revision is derived from the live one, and the first " +
			"revision of a service always takes its traffic.",
	}
}

func unpinned(ref preview.ServiceRef) error {
	return &preview.UserError{
		Summary: "The traffic of Cloud Run service " + ref.Name + " follows the latest revision, so that a preview's revision " +
			"would go live",
		Hint: "`gangway pin " + ref.Name + "` pins the traffic to the revision that serves now.",
	}
}
