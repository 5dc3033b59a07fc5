package github_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// TestAtOnce lets users, the App and readers of pages work at the same time: numbers and ids stay unique, nothing is
// lost, every change is delivered once.
func TestAtOnce(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	ctx := context.WithoutCancel(t.Context())
	const each = 6
	var group sync.WaitGroup
	for n := range each {
		group.Go(func() {
			p, err := w.OpenPull(ctx, github.NewPull{
				Repository: "acme/shop", Change: github.Change{Files: map[string]string{"f" + strconv.Itoa(n): "x"}},
			})
			if err != nil {
				t.Error(err)
				return
			}
			path := fmt.Sprintf("/repos/acme/shop/issues/%d/comments", p.Number)
			if status, out, _ := w.call(token, "POST", path, map[string]any{"body": "hello"}); status != 201 {
				t.Error(status, out)
			}
			if _, err := w.Push(ctx, "acme/shop", p.Number, github.Change{Files: map[string]string{"g": strconv.Itoa(n)}}); err != nil {
				t.Error(err)
			}
			if status, out, _ := w.call(token, "GET", fmt.Sprintf("/repos/acme/shop/pulls/%d/files", p.Number), nil); status != 200 {
				t.Error(status, out)
			}
			w.call("", "GET", "/emulator/state", nil)
		})
	}
	group.Wait()
	counts := map[string]int{}
	for _, action := range actions(w.deliveries()) {
		counts[action]++
	}
	for _, action := range []string{"pull_request opened", "pull_request synchronize", "issue_comment created"} {
		if counts[action] != each {
			t.Errorf("%d deliveries of %s, want %d", counts[action], action, each)
		}
	}
	_, out, _ := w.call(token, "GET", "/repos/acme/shop/pulls?state=all", nil)
	seen := map[any]bool{}
	for _, p := range out.([]any) {
		seen[dig(p, "number")] = true
	}
	if len(seen) != each {
		t.Errorf("%d pull requests, want %d", len(seen), each)
	}
}

// TestKilledPush starts again after a kill between the move of a ref and the save of the state: the state is the truth.
func TestKilledPush(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "repositories", strconv.FormatInt(w.repo.ID, 10)+".git")
	for _, ref := range []string{"refs/pull/1/head", "refs/heads/" + p.HeadRef} {
		if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "update-ref", ref, p.BaseSHA).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w.start("")
	token := w.token()
	for _, ref := range []string{"pull/1/head", "heads/" + p.HeadRef} {
		_, out, _ := w.call(token, "GET", "/repos/acme/shop/git/ref/"+ref, nil)
		if dig(out, "object", "sha") != p.HeadSHA {
			t.Errorf("%s: %v, want %s", ref, dig(out, "object", "sha"), p.HeadSHA)
		}
	}
}
