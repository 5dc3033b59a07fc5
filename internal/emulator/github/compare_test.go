package github_test

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

type comparison struct {
	status        string
	ahead, behind float64
	mergeBase     string
}

func (w *world) wantComparison(token, base, head string, want comparison) {
	w.t.Helper()
	status, out, _ := w.call(token, "GET", "/repos/acme/shop/compare/"+url.PathEscape(base)+"..."+url.PathEscape(head), nil)
	got := comparison{}
	got.status, _ = dig(out, "status").(string)
	got.ahead, _ = dig(out, "ahead_by").(float64)
	got.behind, _ = dig(out, "behind_by").(float64)
	got.mergeBase, _ = dig(out, "merge_base_commit", "sha").(string)
	if status != 200 || got != want {
		w.t.Errorf("%s...%s: %d %+v, want %+v", base, head, status, got, want)
	}
}

func TestCompareHistories(t *testing.T) {
	w := newWorld(t)
	ctx, token := t.Context(), w.token()
	p := w.open(github.NewPull{HeadBranch: "feature/a"})
	fork := p.BaseSHA
	w.wantComparison(token, "main", "main", comparison{"identical", 0, 0, fork})
	w.wantComparison(token, "main", "feature/a", comparison{"ahead", 1, 0, fork})
	w.wantComparison(token, p.HeadSHA, fork, comparison{"behind", 0, 1, fork})

	moved, err := w.Commit(ctx, "acme/shop", "main", "octocat", github.Change{Files: map[string]string{"moved": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	w.wantComparison(token, "main", "feature/a", comparison{"diverged", 1, 1, fork})
	w.wantComparison(token, moved, p.HeadSHA, comparison{"diverged", 1, 1, fork})

	// Main is merged into the branch, by a pull request whose head is main's.
	sync := w.open(github.NewPull{BaseBranch: "feature/a", HeadBranch: "sync"})
	if _, err := w.ForcePush(ctx, "acme/shop", sync.Number, moved); err != nil {
		t.Fatal(err)
	}
	if sync, err = w.MergePull(ctx, "acme/shop", sync.Number); err != nil {
		t.Fatal(err)
	}
	w.wantComparison(token, "main", "feature/a", comparison{"ahead", 2, 0, moved})
	newest, err := w.Commit(ctx, "acme/shop", "main", "octocat", github.Change{Files: map[string]string{"newest": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	w.wantComparison(token, newest, sync.MergeSHA, comparison{"diverged", 2, 1, moved})
}

func TestCompareNotFound(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	p := w.open(github.NewPull{})
	git := func(args ...string) string {
		t.Helper()
		dir := filepath.Join(w.dir, "repositories", strconv.FormatInt(w.repo.ID, 10)+".git")
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@localhost"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	orphan := git("commit-tree", git("mktree"), "-m", "Another root")
	git("update-ref", "refs/heads/orphan", orphan)
	for _, pair := range []string{
		"main...orphan", orphan + "..." + p.HeadSHA, strings.Repeat("0", 40) + "..." + p.HeadSHA,
		"main...none", "none...main", "main..." + p.HeadRef + "x", "main", "main...", "...main",
	} {
		if status, out, _ := w.call(token, "GET", "/repos/acme/shop/compare/"+pair, nil); status != 404 || dig(out, "message") == nil {
			t.Errorf("%s: %d %v", pair, status, out)
		}
	}
	w.wantComparison(token, "orphan", orphan, comparison{"identical", 0, 0, orphan})
}
