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
	number                 int
	head                   string
	comment, check, deploy int64
}

func (w *world) writer(t *testing.T) *writer {
	t.Helper()
	p := w.open(t, emulator.NewPull{})
	return &writer{world: w, number: p.Number, head: p.HeadSHA}
}

func (w *writer) task() string { return fmt.Sprint("preview-pr-", w.number) }

func (w *writer) write(t *testing.T, text string) error {
	var problems []error
	put := func(to *int64, id int64, err error) {
		if id != 0 {
			*to = id
		}
		problems = append(problems, err)
	}
	id, err := w.WriteComment(t.Context(), w.repo, w.number, w.comment, comment(text))
	put(&w.comment, id, err)
	id, err = w.WriteCheckRun(t.Context(), w.repo, w.check, report.CheckRun{
		Name: "gangway / shop", HeadSHA: w.head, ExternalID: "dev/shop/1/1", Status: "in_progress", Title: text, Annotations: annotations(60),
	})
	put(&w.check, id, err)
	if w.deploy == 0 {
		id, err = w.WriteDeployment(t.Context(), w.repo, report.Deployment{SHA: w.head, Environment: "preview", Task: w.task(), Description: "shop"})
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
	comments := r.Pulls[w.number-1].Comments
	if len(comments) != 1 || comments[0].Body != marker+"\n"+text {
		t.Errorf("%s: %d comments", name, len(comments))
	}
	runs := 0
	for _, run := range r.CheckRuns {
		if run.HeadSHA != w.head {
			continue
		}
		if runs++; run.Title != text || len(run.Annotations) != 60 {
			t.Errorf("%s: a check run says %q, with %d annotations", name, run.Title, len(run.Annotations))
		}
	}
	deployments := 0
	for _, d := range r.Deployments {
		if d.Task != w.task() {
			continue
		}
		deployments++
		if n := len(d.Statuses); n == 0 || d.Statuses[n-1].Description != text {
			t.Errorf("%s: statuses %+v", name, d.Statuses)
		}
	}
	if runs != 1 || deployments != 1 {
		t.Errorf("%s: %d check runs, %d deployments", name, runs, deployments)
	}
}

// A fault at any of the requests, of any kind, never gives two comments, check runs or deployments.
func TestFaultAtAnyRequest(t *testing.T) {
	writes := []emulator.FaultKind{
		emulator.FaultUnknownOutcome, emulator.FaultLateError, emulator.FaultReset, emulator.FaultServerError,
		emulator.FaultUnauthorized, emulator.FaultSecondaryLimit,
	}
	for method, kinds := range map[string][]emulator.FaultKind{
		"POST": writes, "PATCH": append(writes, emulator.FaultNotFound),
		"GET": {emulator.FaultReset, emulator.FaultUnauthorized, emulator.FaultNotFound},
	} {
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("%s %s", kind, method), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				at := 0
				for w.faultAt(t, kind, method, at) {
					at++
				}
				if at < 3 {
					t.Errorf("only %d requests", at)
				}
			})
		}
	}
}

// faultAt lets the request number at of that method fail while a report is written, and tells whether there was one.
func (w *world) faultAt(t *testing.T, kind emulator.FaultKind, method string, at int) (met bool) {
	t.Helper()
	r := w.writer(t)
	w.fault(t, emulator.Fault{Method: method, Path: repoPath, Kind: kind, Skip: at})
	name := fmt.Sprintf("%s at %s %d", kind, method, at)
	for _, text := range []string{"one", "two"} {
		for tries := 0; r.write(t, text) != nil; tries++ {
			if tries == 6 {
				t.Fatalf("%s: it does not come to an end: %v", name, r.write(t, text))
			}
			w.advance(10 * time.Minute) // a pause of unknown length may have grown
		}
		r.looks(t, name, text)
	}
	return len(w.hub.Faults()) == 0
}

// The same with many faults at random, and a writer that forgets its ids.
func TestFaultsAtRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a test
			w := newWorld(t).writer(t)
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
