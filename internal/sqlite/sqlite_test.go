package sqlite_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/preview/previewtest"
	"github.com/gangway-dev/gangway/internal/sqlite"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	previewtest.TestStore(t, func(t *testing.T) preview.Store {
		return open(t, filepath.Join(t.TempDir(), "store.db"))
	})
}

// Two handles on one file stand for two processes of one host.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a path with ? and %20", "store.db")
	a, b := open(t, path), open(t, path)
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: 2}
	if err := a.Mark(t.Context(), key, preview.Intake, time.Now()); err != nil {
		t.Fatal(err)
	}
	row, err := b.Load(t.Context(), key, preview.Intake)
	if err != nil || row.Marks != 1 {
		t.Errorf("the other handle loads %+v, %v", row, err)
	}
	if _, ok, err := a.Acquire(t.Context(), "x", "a", time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, ok, err := b.Acquire(t.Context(), "x", "b", time.Minute); ok || err != nil {
		t.Errorf("both hold the lease: %v, %v", ok, err)
	}
}

// Both commands of a new installation open the file at the same moment.
func TestOpenedByManyAtOnce(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "store.db")
		var group sync.WaitGroup
		start := make(chan struct{})
		for range 4 {
			group.Go(func() {
				<-start
				s, err := sqlite.Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		group.Wait()
	}
}

func TestNewerFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	sqlite.SetUserVersion(t, path, 99)
	if _, err := sqlite.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer Gangway") {
		t.Errorf("Open = %v; want it to refuse a file of a newer Gangway", err)
	}
}

func BenchmarkSave(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"))
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: 2}
	lease, _, err := s.Acquire(b.Context(), "x", "a", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	row := preview.Row{Key: key, Owner: preview.Intake, Body: make([]byte, 1500)}
	for b.Loop() {
		if row, err = s.Save(b.Context(), lease, row); err != nil {
			b.Fatal(err)
		}
	}
}

// One row with a key that this version can't read must not keep all others from being found.
func TestUnreadableKey(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	good := preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: 2}
	for _, key := range []preview.Key{{Environment: "A/B", Gateway: "shop", Repository: 1, PullRequest: 1}, good} {
		if err := s.Mark(t.Context(), key, preview.Intake, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := s.Due(t.Context(), preview.Intake, time.Now(), 10)
	if err != nil || len(keys) != 1 || keys[0] != good {
		t.Errorf("Due: %v, %v; want the good one", keys, err)
	}
	rows, err := s.List(t.Context(), preview.Intake)
	if err != nil || len(rows) != 1 || rows[0].Key != good {
		t.Errorf("List: %v, %v; want the good one", rows, err)
	}
}

// A file of an earlier version is brought up to date with all that is in it.
func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	sqlite.MakeOld(t, path, 1, `INSERT INTO rows (key, owner, version, marks, due, body)
		VALUES ('development/shop/1/2', 'intake', 3, 4, 5, x'7b7d')`)
	for range 2 {
		s := open(t, path)
		want := preview.Row{
			Key:   preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: 2},
			Owner: preview.Intake, Version: 3, Marks: 4, Due: time.UnixMilli(5).UTC(), Body: []byte("{}"),
		}
		rows, err := s.List(t.Context(), preview.Intake)
		if diff := cmp.Diff([]preview.Row{want}, rows); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
