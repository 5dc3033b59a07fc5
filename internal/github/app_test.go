package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

var nextKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// pair are a private key and its public key, both PEM.
func pair(t *testing.T, make func() (*rsa.PrivateKey, error)) (private, public []byte) {
	t.Helper()
	k, err := make()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// The key is replaced while the process runs: no request fails as long as GitHub takes both, and once GitHub takes only the
// new one, a process with the old one says so, until its key is replaced too.
func TestKeyIsRotated(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	oldPrivate, oldPublic := pair(t, key)
	newPrivate, newPublic := pair(t, nextKey)
	var mu sync.Mutex
	text, readErr := oldPrivate, error(nil)
	put := func(b []byte, err error) {
		mu.Lock()
		defer mu.Unlock()
		text, readErr = b, err
	}
	c, err := github.New(w.options(w.url, func(o *github.Options) {
		o.PrivateKey = nil
		o.Key = func() ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			return text, readErr
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		w.advance(56 * time.Minute) // so that a token is needed
		_, err := c.PullRequest(t.Context(), w.repo, 1)
		return err
	}
	keys := func(public ...[]byte) {
		t.Helper()
		if err := w.hub.SetPublicKeys(public...); err != nil {
			t.Fatal(err)
		}
	}
	ok := func(what string) {
		t.Helper()
		if err := errors.Join(read(), c.Ready(t.Context())); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	ok("before")
	keys(oldPublic, newPublic)
	ok("both, old in use")
	put(nil, os.ErrNotExist)
	ok("the file is being replaced")
	put([]byte("half a file"), nil)
	ok("half of the file is there")
	put(newPrivate, nil)
	ok("both, new in use")
	keys(newPublic)
	ok("the old one is gone")

	put(oldPrivate, nil)
	for _, err := range []error{read(), c.Ready(t.Context())} {
		if refused, ok := errors.AsType[*github.AppError](err); !ok || !strings.Contains(refused.Error(), "private key of App 7") {
			t.Errorf("a deleted key: %v", err)
		}
	}
	asked := w.count("POST", "/app/") + w.count("GET", "/app")
	for range 5 {
		if _, err := c.PullRequest(t.Context(), w.repo, 1); err == nil || errors.Is(err, preview.ErrNotFound) {
			t.Errorf("error: %v", err)
		}
	}
	if again := w.count("POST", "/app/") + w.count("GET", "/app"); again != asked {
		t.Errorf("%d requests with a refused key at once", again-asked)
	}
	put(newPrivate, nil) // without waiting
	ok("mended")
	log := w.logs.String()
	if strings.Count(log, "GitHub refuses the App") != 1 || !strings.Contains(log, "takes the App again") ||
		strings.Contains(log, "PRIVATE KEY") || strings.Contains(log, "half a file") {
		t.Errorf("log: %s", log)
	}
}

func TestKeyIsNone(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*github.Options){
		"not PEM":     func(o *github.Options) { o.PrivateKey = []byte("hunter2") },
		"missing":     func(o *github.Options) { o.PrivateKey = nil },
		"no such key": func(o *github.Options) { o.Key = func() ([]byte, error) { return nil, os.ErrNotExist } },
	} {
		_, err := github.New(w.options(w.url, change))
		if err == nil || !strings.Contains(err.Error(), "reading the GitHub App's private key") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is neither GitHub's word on the key nor about it changes nothing.
func TestRefusalStands(t *testing.T) {
	w := newWorld(t)
	_, public := pair(t, nextKey)
	if err := w.hub.SetPublicKeys(public); err != nil {
		t.Fatal(err)
	}
	c := w.client(t, w.url)
	for _, kind := range []emulator.FaultKind{"", emulator.FaultServerError, emulator.FaultReset, emulator.FaultLateError} {
		w.advance(time.Minute) // so that GitHub is asked
		if kind != "" {
			w.fault(t, emulator.Fault{Kind: kind, Path: "/app"})
			_, _ = c.RedeliverFailed(t.Context(), w.now())
		}
		if _, ok := errors.AsType[*github.AppError](c.Ready(t.Context())); !ok {
			t.Errorf("after %q it is ready", kind)
		}
	}
}

// A clock that is wrong is told apart from a key that is wrong; half a minute does no harm.
func TestClock(t *testing.T) {
	for off, want := range map[time.Duration]string{
		0: "", 30 * time.Second: "", -30 * time.Second: "",
		10 * time.Minute: "ahead of GitHub's", -20 * time.Minute: "behind GitHub's", 48 * time.Hour: "ahead of GitHub's",
	} {
		w := newWorld(t)
		w.open(t, emulator.NewPull{})
		c, err := github.New(w.options(w.url, func(o *github.Options) { o.Now = func() time.Time { return w.now().Add(off) } }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.PullRequest(t.Context(), w.repo, 1)
		ready := c.Ready(t.Context())
		if want == "" {
			if err != nil || ready != nil {
				t.Errorf("%v: %v, %v", off, err, ready)
			}
			continue
		}
		if err == nil || ready == nil || !strings.Contains(err.Error(), want) || !strings.Contains(ready.Error(), "set the clock") {
			t.Errorf("%v: %v; %v", off, err, ready)
		}
	}
}

// That GitHub is away, or wants to be left alone, does not make a process unready.
func TestReadyWithoutGitHub(t *testing.T) {
	for _, kind := range []emulator.FaultKind{emulator.FaultReset, emulator.FaultServerError, emulator.FaultSecondaryLimit} {
		w := newWorld(t)
		c := w.client(t, w.url)
		w.fault(t, emulator.Fault{Kind: kind, Count: 5, Path: "/app"})
		if err := c.Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
