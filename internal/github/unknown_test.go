package github_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/report"
)

// writer writes a report as the aggregator does: again and again until all of it is written, with the ids that it knows; now
// and then it forgets them, as one that dies before it has saved them.
type writer struct {
	*world
	head                   string
	comment, check, deploy int64
}

func (w *writer) write(t *testing.T, text string) error {
	var problems []error
	put := func(to *int64, id int64, err error) {
		if id != 0 {
			*to = id
		}
		problems = append(problems, err)
	}
	id, err := w.WriteComment(t.Context(), w.repo, 1, w.comment, comment(text))
	put(&w.comment, id, err)
	id, err = w.WriteCheckRun(t.Context(), w.repo, w.check, report.CheckRun{
		Name: "gangway / shop", HeadSHA: w.head, ExternalID: "dev/shop/1/1", Status: "in_progress", Title: text, Annotations: annotations(60),
	})
	put(&w.check, id, err)
	if w.deploy == 0 {
		id, err = w.WriteDeployment(t.Context(), w.repo, report.Deployment{SHA: w.head, Environment: "preview", Task: "preview-pr-1", Description: "shop"})
		put(&w.deploy, id, err)
	}
	if w.deploy != 0 {
		problems = append(problems, w.WriteDeploymentStatus(t.Context(), w.repo, w.deploy, report.DeploymentStatus{State: "in_progress", Description: text}))
	}
	return errors.Join(problems...)
}

// looks are that there is exactly one of each, saying text.
func (w *writer) looks(t *testing.T, name, text string) {
	t.Helper()
	r := w.state(t).Repositories[0]
	comments := r.Pulls[0].Comments
	if len(comments) != 1 || comments[0].Body != marker+"\n"+text {
		t.Errorf("%s: %d comments", name, len(comments))
	}
	if len(r.CheckRuns) != 1 || r.CheckRuns[0].Title != text || len(r.CheckRuns[0].Annotations) != 60 {
		t.Errorf("%s: %d check runs, %d annotations", name, len(r.CheckRuns), len(r.CheckRuns[0].Annotations))
	}
	if len(r.Deployments) != 1 {
		t.Errorf("%s: %d deployments", name, len(r.Deployments))
		return
	}
	statuses := r.Deployments[0].Statuses
	if len(statuses) == 0 || statuses[len(statuses)-1].Description != text {
		t.Errorf("%s: statuses %+v", name, statuses)
	}
}

// A fault at any of the requests, of any kind, never gives two comments, check runs or deployments.
func TestFaultAtAnyRequest(t *testing.T) {
	kinds := []emulator.FaultKind{
		emulator.FaultUnknownOutcome, emulator.FaultLateError, emulator.FaultReset, emulator.FaultServerError,
		emulator.FaultUnauthorized, emulator.FaultSecondaryLimit, emulator.FaultNotFound,
	}
	const requests = 14 // more than a report takes
	for _, kind := range kinds {
		for _, method := range []string{"POST", "PATCH", "GET"} {
			t.Run(fmt.Sprintf("%s %s", kind, method), func(t *testing.T) {
				t.Parallel()
				for at := range requests {
					if kind == emulator.FaultNotFound && method == "POST" {
						continue // nothing that is created answers so by mistake
					}
					if !faultAt(t, kind, method, at) {
						break
					}
				}
			})
		}
	}
}

// faultAt lets the request number at of that method fail, and tells whether there was one.
func faultAt(t *testing.T, kind emulator.FaultKind, method string, at int) (met bool) {
	t.Helper()
	w := &writer{world: newWorld(t)}
	w.head = w.open(t, emulator.NewPull{}).HeadSHA
	if err := w.hub.AddFault(emulator.Fault{Method: method, Path: repoPath, Kind: kind, Skip: at}); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s at %s %d", kind, method, at)
	for _, text := range []string{"one", "two"} {
		for tries := 0; w.write(t, text) != nil; tries++ {
			if tries == 6 {
				t.Fatalf("%s: it does not come to an end: %v", name, w.write(t, text))
			}
			w.advance(2 * time.Minute)
		}
		w.looks(t, name, text)
	}
	return len(w.hub.Faults()) == 0
}

// The same with many faults at random, and a writer that forgets its ids.
func TestFaultsAtRandom(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a test
			w := &writer{world: newWorld(t)}
			w.head = w.open(t, emulator.NewPull{}).HeadSHA
			kinds := []emulator.FaultKind{
				emulator.FaultUnknownOutcome, emulator.FaultLateError, emulator.FaultReset, emulator.FaultServerError, emulator.FaultUnauthorized,
			}
			for round := range 12 {
				for range r.IntN(4) {
					w.fault(t, emulator.Fault{Path: repoPath, Kind: kinds[r.IntN(len(kinds))], Skip: r.IntN(10)})
				}
				if r.IntN(3) == 0 {
					w.comment, w.check, w.deploy = 0, 0, 0
				}
				text := fmt.Sprint("round ", round)
				for tries := 0; w.write(t, text) != nil; tries++ {
					if tries == 20 {
						t.Fatal("it does not come to an end")
					}
				}
				w.looks(t, text, text)
			}
		})
	}
}
