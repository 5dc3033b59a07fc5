package cloudbuild_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// TestShop builds the real services with preview.yaml as it is and runs what comes out.
func TestShop(t *testing.T) {
	w, sha := newWorld(t, shop(), nil)
	id := w.create(previewBuild(t, "orders", sha))
	b := w.wait(id, "SUCCESS")
	log := w.log(id)
	for _, want := range []string{"smoke: ok", "PUSH", `Step #1 - "test": orders`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if b.Results == nil || len(b.Results.Images) != 1 || !strings.HasPrefix(b.Results.Images[0].Digest, "sha256:") {
		t.Fatalf("results %+v", b.Results)
	}
	if got := b.SourceProvenance.ResolvedConnectedRepository.Revision; got != sha {
		t.Errorf("built %s, want %s", got, sha)
	}
	im, err := w.images.Get("localhost/shop/orders@" + b.Results.Images[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, filepath.Join(im.Root, im.Config.Entrypoint[0]), "/orders", `{"orders":[]}`)

	// The other two, at once.
	others := []string{w.create(previewBuild(t, "catalog", sha)), w.create(previewBuild(t, "users", sha))}
	for _, id := range others {
		w.wait(id, "SUCCESS")
		if !strings.Contains(w.log(id), "smoke: ok") {
			t.Errorf("the compose test did not run:\n%s", w.log(id))
		}
	}
}

// serve runs a service and asks it something.
func serve(t *testing.T, program, path, want string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	p, err := process.Start(process.Spec{Path: program, Env: []string{"PORT=" + port, "HOST=127.0.0.1", "K_REVISION=orders-00001-abc"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	for {
		r, err := http.Get("http://127.0.0.1:" + port + path)
		if err == nil {
			body, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if strings.TrimSpace(string(body)) != want || r.Header.Get("X-Shop-Revision") != "orders-00001-abc" {
				t.Errorf("%s %v, want %s", body, r.Header, want)
			}
			return
		}
		select {
		case <-p.Done():
			t.Fatalf("%s ended: %v", program, p.Wait())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
