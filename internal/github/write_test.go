package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

const marker = "<!-- gangway:preview 1/1 -->"

func comment(text string) report.Comment {
	return report.Comment{Marker: marker, Body: marker + "\n" + text}
}

// state is what the emulated GitHub says of itself.
type state struct {
	Repositories []struct {
		Pulls []struct {
			Comments []struct {
				ID   int64  `json:"id"`
				Body string `json:"body"`
				App  bool   `json:"app"`
			} `json:"comments"`
		} `json:"pulls"`
		CheckRuns []struct {
			ID                                       int64
			Name, Status, Conclusion, Title, Summary string
			HeadSHA                                  string `json:"head_sha"`
			External                                 string `json:"external_id"`
			Annotations                              []struct{ Path, Message string }
		} `json:"check_runs"`
		Deployments []struct {
			ID                     int64
			Task, Environment, SHA string
			Transient, Production  bool
			Statuses               []struct {
				State, Description string
				URL                string `json:"environment_url"`
			}
		} `json:"deployments"`
	} `json:"repositories"`
}

func (w *world) state(t *testing.T) state {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/emulator/state", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s state
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// bodies are the comments on pull request 1.
func (w *world) bodies(t *testing.T) []string {
	t.Helper()
	var bodies []string
	for _, c := range w.state(t).Repositories[0].Pulls[0].Comments {
		bodies = append(bodies, c.Body)
	}
	return bodies
}

func TestWriteComment(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	write := func(id int64, text string) int64 {
		t.Helper()
		return must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, id, comment(text)))
	}
	first := write(0, "one")
	if again := write(first, "two"); again != first {
		t.Errorf("editing made comment %d of %d", again, first)
	}
	if found := write(0, "three"); found != first {
		t.Errorf("found comment %d, want %d", found, first)
	}
	if diff := cmp.Diff([]string{marker + "\nthree"}, w.bodies(t)); diff != "" {
		t.Error(diff)
	}
	if err := w.hub.DeleteComment("acme/shop", first); err != nil {
		t.Fatal(err)
	}
	if second := write(first, "four"); second == first {
		t.Error("a deleted comment was edited")
	}
	if diff := cmp.Diff([]string{marker + "\nfour"}, w.bodies(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteCommentFindsOnlyItsOwn(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	say := func(user, body string) {
		t.Helper()
		if _, err := w.hub.Comment(t.Context(), "acme/shop", 1, user, body); err != nil {
			t.Fatal(err)
		}
	}
	say("mallory", marker+"\nmine")
	say("gangway-bot", marker)
	own := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("ours")))
	for n := range 150 { // so that it is on another page than what follows
		say("octocat", fmt.Sprint("comment ", n))
	}
	if got := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("again"))); got != own {
		t.Errorf("comment %d, want %d", got, own)
	}
	bodies := w.bodies(t)
	if len(bodies) != 153 || bodies[0] != marker+"\nmine" || bodies[2] != marker+"\nagain" {
		t.Errorf("%d comments: %q", len(bodies), bodies[:3])
	}
	// The marker in the middle of somebody's line, or quoted by ourselves in another comment, is none.
	other := report.Comment{Marker: "<!-- other -->", Body: "<!-- other -->\n> " + marker}
	id := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, other))
	if got := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("x"))); got != own || got == id {
		t.Errorf("comment %d, want %d", got, own)
	}
}

func TestWriteCommentUnknownOutcome(t *testing.T) {
	for _, kind := range []emulator.FaultKind{emulator.FaultUnknownOutcome, emulator.FaultReset, emulator.FaultServerError} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			w.open(t, emulator.NewPull{})
			w.fault(t, emulator.Fault{Method: "POST", Path: repoPath + "/issues/", Kind: kind})
			id, err := w.WriteComment(t.Context(), w.repo, 1, 0, comment("one"))
			if done := kind == emulator.FaultUnknownOutcome; done != (err == nil) {
				t.Errorf("error: %v", err)
			}
			again := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, id, comment("two")))
			if id != 0 && again != id {
				t.Errorf("comment %d, want %d", again, id)
			}
			if diff := cmp.Diff([]string{marker + "\ntwo"}, w.bodies(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWriteCommentTwice lets two writers, neither of which sees the other's comment, write: the next write heals it.
func TestWriteCommentTwice(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	first := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("one")))
	moved := report.Comment{Marker: "<!-- other -->", Body: "<!-- other -->"}
	second := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, moved))
	must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, second, comment("copy")))
	if got := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("two"))); got != first {
		t.Errorf("comment %d, want %d", got, first)
	}
	if diff := cmp.Diff([]string{marker + "\ntwo"}, w.bodies(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteCommentLocked(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	if _, err := w.hub.Lock(t.Context(), "acme/shop", 1, true); err != nil {
		t.Fatal(err)
	}
	_, err := w.WriteComment(t.Context(), w.repo, 1, 0, comment("one"))
	if !isUserError(err) {
		t.Errorf("a locked conversation: %v", err)
	}
	if _, err := w.WriteComment(t.Context(), w.repo, 1, 0, report.Comment{Marker: marker, Body: strings.Repeat("x", 70_000)}); !isUserError(err) {
		t.Errorf("a comment that is too long: %v", err)
	}
}

func annotations(n int) []report.Annotation {
	var list []report.Annotation
	for i := range n {
		list = append(list, report.Annotation{
			Path: "openapi.yaml", Line: i + 1, Level: "failure", Title: "Bad", Message: fmt.Sprint("fault ", i),
		})
	}
	return list
}

func TestWriteCheckRun(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	run := report.CheckRun{
		Name: "gangway / shop", HeadSHA: p.HeadSHA, ExternalID: "dev/shop/1/1", Status: "in_progress", Title: "Building",
		Summary: "1 of 2", DetailsURL: "http://127.0.0.1/x",
	}
	write := func(id int64) int64 {
		t.Helper()
		return must[int64](t)(w.WriteCheckRun(t.Context(), w.repo, id, run))
	}
	id := write(0)
	run.Status, run.Conclusion, run.Title, run.Annotations = "completed", "failure", "Failed", annotations(120)
	if got := write(id); got != id {
		t.Errorf("check run %d, want %d", got, id)
	}
	if got := write(0); got != id { // the id was lost, and the annotations are there already
		t.Errorf("check run %d, want %d", got, id)
	}
	runs := w.state(t).Repositories[0].CheckRuns
	if len(runs) != 1 || len(runs[0].Annotations) != 120 || runs[0].Status != "completed" || runs[0].Conclusion != "failure" {
		t.Fatalf("%d check runs, %+v", len(runs), runs[0].Status)
	}
	run.Annotations = run.Annotations[:60] // what is gone can't be taken back: another run replaces it
	next := write(id)
	if runs = w.state(t).Repositories[0].CheckRuns; next == id || len(runs) != 2 || len(runs[1].Annotations) != 60 {
		t.Errorf("check run %d after %d, %d in all", next, id, len(runs))
	}
	if got := write(0); got != next {
		t.Errorf("check run %d, want the newest, %d", got, next)
	}
	run.Status, run.Conclusion, run.Annotations = "in_progress", "", run.Annotations[:60]
	write(next) // back to running
	if runs = w.state(t).Repositories[0].CheckRuns; runs[1].Status != "in_progress" || runs[1].Conclusion != "" {
		t.Errorf("check run: %+v", runs[1].Status)
	}
	run.ExternalID = "dev/other/1/1"
	if got := write(0); got == next || got == id {
		t.Error("another external id's check run was taken")
	}
	run.HeadSHA = strings.Repeat("0", 40)
	if _, err := w.WriteCheckRun(t.Context(), w.repo, 0, run); !isUserError(err) {
		t.Errorf("unknown commit: %v", err)
	}
}

func TestWriteCheckRunUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	run := report.CheckRun{
		Name: "gangway / shop", HeadSHA: p.HeadSHA, ExternalID: "x", Status: "queued", Title: "t", Annotations: annotations(70),
	}
	w.fault(t, emulator.Fault{Method: "POST", Path: repoPath + "/check-runs", Kind: emulator.FaultUnknownOutcome})
	id := must[int64](t)(w.WriteCheckRun(t.Context(), w.repo, 0, run))
	runs := w.state(t).Repositories[0].CheckRuns
	if len(runs) != 1 || runs[0].ID != id || len(runs[0].Annotations) != 70 {
		t.Errorf("%d check runs, %d annotations", len(runs), len(runs[0].Annotations))
	}
	// An id that GitHub no longer knows is looked for anew.
	if got := must[int64](t)(w.WriteCheckRun(t.Context(), w.repo, id+999, run)); got != id {
		t.Errorf("check run %d, want %d", got, id)
	}
}

func TestDeployments(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	d := report.Deployment{SHA: p.HeadSHA, Environment: "preview", Task: "preview-pr-1", Description: "shop"}
	write := func(d report.Deployment) int64 {
		t.Helper()
		return must[int64](t)(w.WriteDeployment(t.Context(), w.repo, d))
	}
	w.fault(t, emulator.Fault{Method: "POST", Path: repoPath + "/deployments", Kind: emulator.FaultUnknownOutcome})
	first := write(d)
	if again := write(d); again != first {
		t.Errorf("deployment %d, want %d", again, first)
	}
	d.SHA = p.BaseSHA
	second := write(d)
	d.Task = "preview-pr-2"
	foreign := write(d)
	status := func(id int64, state string) {
		t.Helper()
		s := report.DeploymentStatus{State: state, EnvironmentURL: "http://127.0.0.1/", LogURL: "http://127.0.0.1/log", Description: state}
		if err := w.WriteDeploymentStatus(t.Context(), w.repo, id, s); err != nil {
			t.Fatal(err)
		}
	}
	status(first, "success")
	w.fault(t, emulator.Fault{Method: "POST", Path: repoPath + "/deployments", Kind: emulator.FaultUnknownOutcome})
	status(second, "success")
	status(foreign, "success")
	active := must[[]int64](t)(w.Deployments(t.Context(), w.repo, "preview-pr-1", ""))
	slices.Sort(active)
	if diff := cmp.Diff([]int64{first, second}, active); diff != "" {
		t.Error(diff)
	}
	status(first, "inactive")
	if diff := cmp.Diff([]int64{second}, must[[]int64](t)(w.Deployments(t.Context(), w.repo, "preview-pr-1", ""))); diff != "" {
		t.Error(diff)
	}
	all := w.state(t).Repositories[0].Deployments
	if len(all) != 3 || !all[0].Transient || all[0].Production || len(all[1].Statuses) != 1 {
		t.Errorf("deployments: %+v", all)
	}
	if err := w.WriteDeploymentStatus(t.Context(), w.repo, 1, report.DeploymentStatus{State: "success"}); err == nil {
		t.Error("a status of an unknown deployment was written")
	}
}

func isUserError(err error) bool {
	_, ok := errors.AsType[*preview.UserError](err)
	return ok
}
