package local

import (
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// The repository is renamed while the configuration still has its former name: the preview goes on, with builds and reports,
// and closing takes everything in.
func TestRenamedRepository(t *testing.T) {
	t.Parallel()
	w := alone(t, nil)
	p := w.change(t, version("users", "before"))
	p.ready()
	if err := w.Cloud.GitHub.RenameRepository(t.Context(), Repository, "store"); err != nil {
		t.Fatal(err)
	}
	p.push(version("users", "after"))
	p.ready()
	p.serves(p.link, "/plans", "after")
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments, want 1", len(ours))
	}
	w.sweeps(t, 1)
	second := w.open(t, github.NewPull{Change: change(t, version("users", "second"))})
	second.ready()
	second.gone()
	p.gone()
}
