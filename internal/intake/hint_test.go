package intake_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/preview"
)

func TestHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := preview.PullRequestHint{Version: 1, Repository: 7, PullRequest: 42}
	with := func(change func(*preview.PullRequestHint)) string {
		hint := good
		change(&hint)
		data, err := json.Marshal(hint)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	marks := func() int64 { row, _ := w.row(); return row.Marks }
	for name, data := range map[string]string{
		"empty":                 "",
		"not JSON":              "\xff{",
		"wrong types":           `{"version":1,"repository_id":"7","pull_request":42}`,
		"huge number":           `{"version":1,"repository_id":7,"pull_request":1e30}`,
		"too large":             with(func(h *preview.PullRequestHint) { h.Action = strings.Repeat("x", preview.MaxHintBytes) }),
		"newer":                 with(func(h *preview.PullRequestHint) { h.Version = 2 }),
		"no pull request":       with(func(h *preview.PullRequestHint) { h.PullRequest = 0 }),
		"negative repository":   with(func(h *preview.PullRequestHint) { h.Repository = -7 }),
		"repository of another": with(func(h *preview.PullRequestHint) { h.Repository, h.FullName = 8, "acme/shop" }),
	} {
		if err := w.in.PullRequestHint(t.Context(), []byte(data)); !errors.Is(err, preview.ErrIgnored) {
			t.Errorf("%s: %v; want it to be ignored", name, err)
		}
		if n := marks(); n != 0 {
			t.Fatalf("%s: %d marks", name, n)
		}
	}
	if err := w.in.PullRequestHint(t.Context(), []byte(with(func(*preview.PullRequestHint) {}))); err != nil || marks() != 1 {
		t.Errorf("a good hint: %v, %d marks", err, marks())
	}
}

// While GitHub does not answer, a hint has to come again; one about a repository that can't be seen need not.
func TestHintWithoutGitHub(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ fail, want error }{
		"down": {errDown, errDown}, "not installed": {preview.ErrNotFound, preview.ErrIgnored},
	} {
		w := newWorld(t)
		w.fail["repository acme/shop"] = tt.fail
		err := w.in.PullRequestHint(t.Context(), []byte(`{"version":1,"repository_id":7,"pull_request":42}`))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestBuildHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live()
	other := key
	other.PullRequest = 43
	w.change(func() {
		w.builds["known"] = preview.Build{ID: "known", Key: key}
		w.builds["unknown preview"] = preview.Build{ID: "unknown preview", Key: other}
		w.builds["not ours"] = preview.Build{ID: "not ours"}
		w.fail["read-build down"] = errDown
	})
	before, _ := w.row()
	for name, ref := range map[string]preview.BuildRef{
		"another project": {Project: "q", ID: "known"}, "forged": {Project: "p", ID: "none"},
		"unknown preview": {Project: "p", ID: "unknown preview"}, "not ours": {Project: "p", ID: "not ours"},
	} {
		if err := w.in.BuildHint(t.Context(), ref); !errors.Is(err, preview.ErrIgnored) {
			t.Errorf("%s: %v; want it to be ignored", name, err)
		}
	}
	row, err := w.store.Load(t.Context(), other, preview.Intake)
	if now, _ := w.row(); now.Marks != before.Marks || err != nil || row.Marks != 0 {
		t.Errorf("marks: %d, then %d; of the unknown preview %d, %v", before.Marks, now.Marks, row.Marks, err)
	}
	if err := w.in.BuildHint(t.Context(), preview.BuildRef{Project: "p", ID: "down"}); !errors.Is(err, errDown) {
		t.Errorf("Cloud Build is down: %v", err)
	}
	if err := w.in.BuildHint(t.Context(), preview.BuildRef{Project: "p", ID: "known"}); err != nil {
		t.Error(err)
	}
	if now, _ := w.row(); now.Marks != before.Marks+1 {
		t.Errorf("a good notice: %d marks, then %d", before.Marks, now.Marks)
	}
}
