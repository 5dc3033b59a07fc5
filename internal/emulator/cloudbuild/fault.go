package cloudbuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// Faults are what is to go wrong. PUT /emulator/faults sets them, GET tells what is left of them, DELETE ends them.
// Counts go down with each use.
type Faults struct {
	// FailCalls answers that many API calls with FailStatus (503 by default) without doing anything.
	FailCalls  int `json:"fail_calls,omitempty"`
	FailStatus int `json:"fail_status,omitempty"`
	// LostAnswers carries out that many creations and then answers 503: the outcome is unknown to the caller.
	LostAnswers int `json:"lost_answers,omitempty"`
	// LostNotices drops that many notices.
	LostNotices int `json:"lost_notices,omitempty"`
	// BrokenBuilds ends that many builds with INTERNAL_ERROR; with BrokenTag only those that carry the tag.
	BrokenBuilds int    `json:"broken_builds,omitempty"`
	BrokenTag    string `json:"broken_tag,omitempty"`
	// DelayMillis delays every API call.
	DelayMillis int `json:"delay_ms,omitempty"`
}

type faults struct {
	mu sync.Mutex
	f  Faults
}

func (f *faults) get(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	googleapi.Answer(w, f.f, nil)
}

func (f *faults) put(w http.ResponseWriter, r *http.Request) {
	var wanted Faults
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&wanted); err != nil {
		googleapi.Answer(w, nil, googleapi.Invalid("faults: %v", err))
		return
	}
	f.mu.Lock()
	f.f = wanted
	f.mu.Unlock()
	f.get(w, r)
}

func (f *faults) clear(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.f = Faults{}
	f.mu.Unlock()
	f.get(w, r)
}

// answer lets a call fail if it is to; true when it has answered.
func (f *faults) answer(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	fail, status, delay := take(&f.f.FailCalls), f.f.FailStatus, time.Duration(f.f.DelayMillis)*time.Millisecond
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}
	if !fail {
		return false
	}
	e := googleapi.NewError(http.StatusServiceUnavailable, "UNAVAILABLE", "the service is currently unavailable")
	switch status {
	case http.StatusTooManyRequests:
		e = googleapi.NewError(status, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Build and Operation Get requests'")
	case http.StatusForbidden:
		e = googleapi.NewError(status, "PERMISSION_DENIED", "The caller does not have permission")
	case 0, http.StatusServiceUnavailable:
	default:
		e = googleapi.NewError(status, "UNKNOWN", fmt.Sprintf("the service answers %d as it was told to", status))
	}
	googleapi.Answer(w, nil, e)
	return true
}

func (f *faults) loseAnswer() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return take(&f.f.LostAnswers)
}

func (f *faults) loseNotice() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return take(&f.f.LostNotices)
}

func (f *faults) breakBuild(tags []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f.BrokenTag != "" && !slices.Contains(tags, f.f.BrokenTag) {
		return nil
	}
	if take(&f.f.BrokenBuilds) {
		return errors.New("an internal error has occurred")
	}
	return nil
}

func take(n *int) bool {
	if *n <= 0 {
		return false
	}
	*n--
	return true
}
