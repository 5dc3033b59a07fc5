package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Who set a label last is found on any page of the events, with what they may do in the repository.
func TestApproval(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{Fork: true, Author: "stranger"})
	for user, role := range map[string]string{"tina": "triage", "max": "maintain", "ada": "admin", "ci[bot]": "write"} {
		if err := w.hub.SetRole("acme/shop", user, role); err != nil {
			t.Fatal(err)
		}
	}
	label := func(user, name string, on bool) {
		t.Helper()
		if _, err := w.hub.Label(t.Context(), "acme/shop", 1, emulator.Labeling{User: user, Name: name, On: on}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(login, permission string, bot bool) {
		t.Helper()
		got := must[preview.Approval](t)(w.Approval(t.Context(), w.repo, 1, "ok"))
		if (got.By.ID != 0) != (login != "") {
			t.Errorf("id %d of %q", got.By.ID, login)
		}
		got.By.ID = 0
		want := preview.Approval{Label: "ok", By: preview.Account{Login: login, Bot: bot}, Permission: permission}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	expect("", "", false)
	label("max", "ok", true)
	label("tina", "another", true)
	expect("max", "write", false)
	for n := range 120 { // more than a page of others
		label("tina", fmt.Sprint("l", n), true)
	}
	label("max", "ok", false)
	expect("", "", false)
	label("tina", "ok", true)
	expect("tina", "read", false)
	label("ada", "ok", false)
	label("ada", "ok", true)
	expect("ada", "admin", false)
	label("ada", "ok", false)
	label("ci[bot]", "ok", true)
	expect("ci[bot]", "", true)
	w.fault(t, emulator.Fault{Path: repoPath + "/issues/1/events", Kind: emulator.FaultServerError})
	if got, err := w.Approval(t.Context(), w.repo, 1, "ok"); err == nil {
		t.Errorf("without an answer: %+v", got)
	}
}

// The permission counts only for the very account that set the label: its login may belong to somebody else by now.
func TestApprovalOfFormerLogin(t *testing.T) {
	w := newWorld(t)
	var permission string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			rw.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(rw, `{"token":"ghs_x","expires_at":"2100-01-01T00:00:00Z"}`)
		case strings.HasSuffix(r.URL.Path, "/events"):
			_, _ = fmt.Fprint(rw, `[{"event":"labeled","label":{"name":"ok"},"actor":{"id":5,"login":"ana","type":"User"}}]`)
		default:
			_, _ = fmt.Fprint(rw, permission)
		}
	}))
	defer server.Close()
	for answer, want := range map[string]string{
		`{"permission":"write","user":{"id":5}}`: "write", `{"permission":"write","user":{"id":6}}`: "",
		`{"permission":"write","user":null}`: "", `{"permission":"write"}`: "", `{}`: "",
	} {
		permission = answer
		got := must[preview.Approval](t)(w.client(t, server.URL).Approval(t.Context(), w.repo, 1, "ok"))
		if got.Permission != want || got.By.Login != "ana" {
			t.Errorf("%s: %+v", answer, got)
		}
	}
}
