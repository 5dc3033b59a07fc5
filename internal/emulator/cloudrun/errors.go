package cloudrun

import (
	"fmt"
	"net/http"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// An apiError is an error of the API: https://cloud.google.com/apis/design/errors
type apiError struct {
	Code    int    // HTTP status
	Status  string // name of the google.rpc.Code
	Message string
}

func (e *apiError) Error() string { return e.Status + ": " + e.Message }

func invalid(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf(format, args...)}
}

func notFound(kind, id, location, project string) *apiError {
	return &apiError{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf(
		"Resource '%s' of kind '%s' in region '%s' in project '%s' does not exist.", id, kind, location, project)}
}

func alreadyExists(kind, id string) *apiError {
	return &apiError{http.StatusConflict, "ALREADY_EXISTS", fmt.Sprintf("Resource '%s' of kind '%s' already exists.", id, kind)}
}

func conflict(id, specified, current string) *apiError {
	return &apiError{http.StatusConflict, "ABORTED", fmt.Sprintf(
		"Conflict for resource '%s': version '%s' was specified but current version is '%s'.", id, specified, current)}
}

func differentConfiguration(revision string) *apiError {
	return &apiError{http.StatusConflict, "ALREADY_EXISTS", fmt.Sprintf(
		"Revision named '%s' with different configuration already exists.", revision)}
}

func precondition(message string) *apiError {
	return &apiError{http.StatusBadRequest, "FAILED_PRECONDITION", message}
}

func internalError(err error) *apiError {
	return &apiError{http.StatusInternalServerError, "INTERNAL", err.Error()}
}

func writeError(w http.ResponseWriter, e *apiError) {
	googleapi.WriteJSON(w, e.Code, object{"error": object{"code": e.Code, "message": e.Message, "status": e.Status}})
}
