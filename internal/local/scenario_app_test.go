package local

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// The repository is renamed while the configuration still has its former name: the preview goes on, with builds and reports,
// and closing takes everything in: also what was closed while GitHub refused the App.
func TestRenamedAndRefused(t *testing.T) {
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

	// GitHub refuses the App's key, and both are closed meanwhile: nobody knows, so that both stay, until it takes the key again.
	key := w.refuse(t)
	second.must(w.Cloud.GitHub.ClosePull(t.Context(), Repository, second.number))
	p.must(w.Cloud.GitHub.ClosePull(t.Context(), Repository, p.number))
	until(t, "two sweeps have been refused", func() (bool, string) {
		n := w.logged(t, "msg=sweep ", "refuses the private key of App")
		return n >= 2, strconv.Itoa(n)
	})
	p.serves(p.link, "/plans", "after")
	second.serves(second.link, "/plans", "second")
	if err := w.Cloud.GitHub.SetPublicKeys(key); err != nil {
		t.Fatal(err)
	}
	second.gone()
	p.gone()
}

// refuse lets the emulated GitHub forget the App's key, which it returns, and all tokens.
func (w *world) refuse(t *testing.T) (public []byte) {
	t.Helper()
	text, err := os.ReadFile(w.AppKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Cloud.GitHub.SetPublicKeys(), w.Cloud.GitHub.RevokeTokens()); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
