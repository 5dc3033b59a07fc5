// Package gcloudtest gives tests Google's emulators. They are an optional extra: a test without one is skipped, unless
// GANGWAY_REQUIRE names firestore-emulator or pubsub-emulator.
package gcloudtest

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// Main is what TestMain calls: it runs the tests and stops what they have started.
func Main(m *testing.M) int {
	process.Main()
	defer firestore.stop()
	defer pubSub.stop()
	return m.Run()
}

// A shared is an emulator that the tests of a package share.
type shared struct {
	word string // in GANGWAY_REQUIRE
	run  func(context.Context, string, io.Writer) (*gcloud.Server, error)

	mu     sync.Mutex
	server *gcloud.Server
}

var (
	firestore = &shared{word: "firestore-emulator", run: gcloud.StartFirestore}
	pubSub    = &shared{word: "pubsub-emulator", run: gcloud.StartPubSub}
)

// Firestore is host:port of a Firestore emulator that all tests of the package share: take a project of your own.
func Firestore(t testing.TB) string {
	t.Helper()
	return firestore.endpoint(t)
}

// PubSub is host:port of a Pub/Sub emulator that all tests of the package share: take a project of your own.
func PubSub(t testing.TB) string {
	t.Helper()
	return pubSub.endpoint(t)
}

// NewPubSub starts a Pub/Sub emulator for one test on address; the test may stop it.
func NewPubSub(t testing.TB, address string) *gcloud.Server {
	t.Helper()
	return pubSub.start(t, t.Context(), address)
}

// Need is for a test whose programs start both emulators themselves.
func Need(t testing.TB) {
	t.Helper()
	err := gcloud.Installed()
	if err == nil {
		return
	}
	if required := os.Getenv("GANGWAY_REQUIRE"); strings.Contains(required, firestore.word) || strings.Contains(required, pubSub.word) {
		t.Fatal(err)
	}
	t.Skip(err)
}

func (s *shared) endpoint(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		s.server = s.start(t, context.WithoutCancel(t.Context()), "127.0.0.1:0")
	}
	return s.server.Endpoint()
}

func (s *shared) start(t testing.TB, ctx context.Context, address string) *gcloud.Server { //nolint:revive // t is what fails
	t.Helper()
	server, err := s.run(ctx, address, nil)
	if errors.Is(err, gcloud.ErrAbsent) && !strings.Contains(os.Getenv("GANGWAY_REQUIRE"), s.word) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *shared) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		s.server.Stop()
		s.server = nil
	}
}
