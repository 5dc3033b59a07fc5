package firestore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	client "cloud.google.com/go/firestore"
	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
	"github.com/gangway-dev/gangway/internal/firestore"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/preview/previewtest"
)

func TestMain(m *testing.M) { os.Exit(gcloudtest.Main(m)) }

// projects counts the projects: each test has one of its own on the shared emulator.
var projects atomic.Int64

func newProject() string { return fmt.Sprintf("test-%d", projects.Add(1)) }

func open(t testing.TB, o firestore.Options) *firestore.Store {
	t.Helper()
	if o.Endpoint == "" {
		o.Endpoint = gcloudtest.Firestore(t)
	}
	s, err := firestore.Open(context.WithoutCancel(t.Context()), o)
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

func key(n int) preview.Key {
	return preview.Key{Environment: "development", Gateway: "shop", Repository: 812345678, PullRequest: n}
}

func mark(t *testing.T, s *firestore.Store, k preview.Key) {
	t.Helper()
	if err := s.Mark(t.Context(), k, preview.Intake, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	previewtest.TestStore(t, func(t *testing.T) preview.Store { return open(t, firestore.Options{Project: newProject()}) })
}

// Databases of one project are apart, two handles on one database are not.
func TestDatabases(t *testing.T) {
	project := newProject()
	a := open(t, firestore.Options{Project: project})
	b := open(t, firestore.Options{Project: project, Database: "gangway"})
	again := open(t, firestore.Options{Project: project, Database: "gangway"})
	mark(t, b, key(1))
	for name, c := range map[string]struct {
		store *firestore.Store
		marks int64
	}{"the default database": {a, 0}, "another handle": {again, 1}} {
		if row, err := c.store.Load(t.Context(), key(1), preview.Intake); err != nil || row.Marks != c.marks {
			t.Errorf("%s: %+v, %v; want %d marks", name, row, err, c.marks)
		}
		if err := c.store.Ping(t.Context()); err != nil {
			t.Errorf("%s: Ping: %v", name, err)
		}
	}
}

// The environment variable of Google's client libraries counts, beside the option too.
func TestEmulatorHost(t *testing.T) {
	t.Setenv("FIRESTORE_EMULATOR_HOST", gcloudtest.Firestore(t))
	for _, endpoint := range []string{"", gcloudtest.Firestore(t)} {
		s, err := firestore.Open(t.Context(), firestore.Options{Project: newProject(), Database: "gangway", Endpoint: endpoint})
		if err != nil {
			t.Fatal(err)
		}
		mark(t, s, key(1))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A store that is away is an error in time, which tells the end of the caller's context from others.
func TestAway(t *testing.T) {
	s := open(t, firestore.Options{Project: "p", Endpoint: "127.0.0.1:1"})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping = %v; want the context's error", err)
	}
	if err := s.Mark(ctx, key(1), preview.Intake, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Mark = %v; want the context's error", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// The clocks of the instances don't matter: nobody acquires what another holds, and everybody what has run out.
func TestSkewedClocks(t *testing.T) {
	project := newProject()
	behind, ahead := open(t, firestore.Options{Project: project}), open(t, firestore.Options{Project: project})
	behind.Skew(-10 * time.Minute)
	ahead.Skew(10 * time.Minute)
	for name, c := range map[string]struct{ holder, other *firestore.Store }{
		"the holder's clock is behind": {behind, ahead}, "the holder's clock is ahead": {ahead, behind},
	} {
		t.Run(name, func(t *testing.T) {
			lease, ok, err := c.holder.Acquire(t.Context(), t.Name(), "holder", time.Minute)
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			if _, ok, err := c.other.Acquire(t.Context(), t.Name(), "other", time.Second); ok || err != nil {
				t.Errorf("the other acquires it at once: %v, %v", ok, err)
			}
			if lease, err = c.holder.Renew(t.Context(), lease, 300*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for {
				_, ok, err := c.other.Acquire(t.Context(), t.Name(), "other", time.Second)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := c.holder.Renew(t.Context(), lease, time.Second); !errors.Is(err, preview.ErrLeaseLost) {
				t.Errorf("renewing it: %v; want ErrLeaseLost", err)
			}
		})
	}
}

// The holder believes its lease to end before others may take it. (Both clocks are this machine's here.)
func TestHolderStopsFirst(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	lease, ok, err := s.Acquire(t.Context(), "x", "a", time.Minute)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	for range 3 {
		end := s.End(t, "x")
		if !lease.Until.Before(end) || end.Sub(lease.Until) > 30*time.Second {
			t.Errorf("the holder believes in %v; it ends at %v", lease.Until, end)
		}
		before := end
		if lease, err = s.Renew(t.Context(), lease, time.Minute); err != nil {
			t.Fatal(err)
		}
		if end := s.End(t, "x"); !end.After(before) {
			t.Errorf("a renewal for the same time left the end at %v", end)
		}
	}
}

// What changes lease or row between a save's reading and its writing makes the write fail, and nothing is written.
func TestSaveIsFenced(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	acquire := func(t *testing.T, name string) preview.Lease {
		lease, ok, err := s.Acquire(t.Context(), name, "a", time.Minute)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		return lease
	}
	n := 0
	for name, c := range map[string]struct {
		between func(*testing.T, preview.Lease, preview.Row) error
		fails   bool
	}{
		"nothing happens": {between: func(*testing.T, preview.Lease, preview.Row) error { return nil }},
		"the lease is taken over": {fails: true, between: func(t *testing.T, l preview.Lease, _ preview.Row) error {
			err := s.Release(t.Context(), l)
			acquire(t, l.Name)
			return err
		}},
		"the lease is forgotten": {fails: true, between: func(t *testing.T, l preview.Lease, _ preview.Row) error {
			_, err := s.Lease(l.Name).Delete(t.Context())
			return err
		}},
		"the row is marked": {fails: true, between: func(t *testing.T, _ preview.Lease, row preview.Row) error {
			return s.Mark(t.Context(), row.Key, row.Owner, time.Now())
		}},
		"the row is saved": {fails: true, between: func(t *testing.T, l preview.Lease, row preview.Row) error {
			_, err := s.Save(t.Context(), l, row)
			return err
		}},
	} {
		for _, exists := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, exists %v", name, exists), func(t *testing.T) {
				n++
				row := preview.Row{Key: key(n), Owner: preview.Intake}
				lease := acquire(t, preview.LeaseName(row.Key, row.Owner))
				if exists {
					var err error
					if row, err = s.Save(t.Context(), lease, row); err != nil {
						t.Fatal(err)
					}
				}
				mine := row
				mine.Body = []byte("mine")
				end := s.End(t, lease.Name)
				err := s.SaveInTwo(t.Context(), lease, mine, func() {
					if err := c.between(t, lease, row); err != nil {
						t.Fatal(err)
					}
				})
				got, loadErr := s.Load(t.Context(), row.Key, row.Owner)
				if loadErr != nil {
					t.Fatal(loadErr)
				}
				if (err != nil) != c.fails || (string(got.Body) == "mine") == c.fails {
					t.Errorf("the save: %v; it left %+v", err, got)
				}
				if !c.fails && !s.End(t, lease.Name).Equal(end) {
					t.Errorf("the save moved the lease's end from %v to %v", end, s.End(t, lease.Name))
				}
			})
		}
	}
}

// Firestore forgets leases. Whoever still holds one from before can't write then.
func TestForgottenLease(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	name := preview.LeaseName(key(1), preview.Intake)
	old, ok, err := s.Acquire(t.Context(), name, "old", time.Minute)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	found, err := s.Lease(name).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forget, _ := found.Data()[firestore.FieldForgetTime].(time.Time)
	if !forget.After(time.Now().Add(24 * time.Hour)) {
		t.Errorf("the lease may be forgotten at %v", forget)
	}
	if _, err := s.Lease(name).Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	row := preview.Row{Key: key(1), Owner: preview.Intake, Body: []byte(`{}`)}
	save := func() {
		if _, err := s.Save(t.Context(), old, row); !errors.Is(err, preview.ErrLeaseLost) {
			t.Errorf("saving under the forgotten lease: %v; want ErrLeaseLost", err)
		}
	}
	save()
	fresh, ok, err := s.Acquire(t.Context(), name, "new", time.Minute)
	if !ok || err != nil || fresh.Epoch <= old.Epoch {
		t.Errorf("Acquire = %+v, %v, %v; want an epoch above %d", fresh, ok, err, old.Epoch)
	}
	save()
	if err := s.Release(t.Context(), old); err != nil {
		t.Errorf("releasing it: %v", err)
	}
}

// What can't be read harms its own row only, and is not written over.
func TestUnreadable(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	good := key(1)
	mark(t, s, good)
	damages := map[string]any{
		"schema": 99, "version": "seven", "marks": -1, "body": []byte("x"), "marked": time.Now(),
	}
	n := 1
	for field, value := range damages {
		n++
		k := key(n)
		mark(t, s, k)
		if _, err := s.Row(k, preview.Intake).Update(t.Context(), []client.Update{{Path: field, Value: value}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), k, preview.Intake); !errors.Is(err, preview.ErrUnreadable) || !strings.Contains(err.Error(), field) {
			t.Errorf("Load with a damaged %s: %v; want ErrUnreadable", field, err)
		}
		lease, _, err := s.Acquire(t.Context(), preview.LeaseName(k, preview.Intake), "a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(t.Context(), lease, preview.Row{Key: k, Owner: preview.Intake}); !errors.Is(err, preview.ErrUnreadable) {
			t.Errorf("Save over a damaged %s: %v; want ErrUnreadable", field, err)
		}
	}
	stranger := preview.Key{Environment: "A/B", Gateway: "shop", Repository: 1, PullRequest: 1}
	mark(t, s, stranger)
	rows, err := s.List(t.Context(), preview.Intake)
	if err != nil || len(rows) != 1 || rows[0].Key != good {
		t.Errorf("List = %v, %v; want the good one", rows, err)
	}
	due, err := s.Due(t.Context(), preview.Intake, time.Now(), 100)
	if err != nil || len(due) != n || due[0] != good {
		t.Errorf("Due = %v, %v; want all %d whose names can be read", due, err, n)
	}
}

// An older Gangway may mark the row of a newer one.
func TestMarkOfANewerRow(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	newer := map[string]any{"schema": 2, "owner": "intake", "marks": 4, "due": nil, "settled": true, "members": []any{"x"}}
	if _, err := s.Row(key(1), preview.Intake).Set(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(time.Now().UnixMilli())
	if err := s.Mark(t.Context(), key(1), preview.Intake, at); err != nil {
		t.Fatal(err)
	}
	found, err := s.Row(key(1), preview.Intake).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"schema": int64(2), "owner": "intake", "marks": int64(5), "due": at.UnixMilli(), "marked": at.UnixMilli(),
		"key": key(1).String(), "settled": false, "members": []any{"x"},
	}
	if diff := cmp.Diff(want, found.Data()); diff != "" {
		t.Errorf("the document (-want +got):\n%s", diff)
	}
}

func TestUnreadableLease(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	if _, err := s.Lease("x").Set(t.Context(), map[string]any{"epoch": "one"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Acquire(t.Context(), "x", "a", time.Minute); !errors.Is(err, preview.ErrUnreadable) {
		t.Errorf("Acquire = %v; want ErrUnreadable", err)
	}
	if _, ok, err := s.Acquire(t.Context(), "y", "a", time.Minute); !ok || err != nil {
		t.Errorf("Acquire of another = %v, %v", ok, err)
	}
}

// Whatever a lease is called, it has a document of its own that Firestore accepts.
func TestNames(t *testing.T) {
	s := open(t, firestore.Options{Project: newProject()})
	long := strings.Repeat("x", 5000)
	seen := map[string]string{}
	for _, name := range []string{
		"", ".", "..", "__x__", "_", "a/b", "a%2Fb", "%", "%25", "ä", "\xff", "a b", "\x00", "intake:development/shop/1/2",
		long, long + "y", "a.b", "a_b",
	} {
		id := firestore.DocumentName(name)
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q are both %q", name, other, id)
		}
		seen[id] = name
		if name == "\xff" {
			name = "ÿ" // a lease's name is text
		}
		if _, ok, err := s.Acquire(t.Context(), name, "a", time.Minute); !ok || err != nil {
			t.Errorf("Acquire of %.20q = %v, %v", name, ok, err)
		}
	}
}

// indexes.json speaks of the collections and fields that there are.
func TestIndexes(t *testing.T) {
	text, err := os.ReadFile("indexes.json")
	if err != nil {
		t.Fatal(err)
	}
	type field struct{ CollectionGroup, FieldPath string }
	var file struct {
		Indexes []struct {
			CollectionGroup string
			Fields          []field
		}
		FieldOverrides []struct {
			field
			TTL bool
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, index := range file.Indexes {
		got = append(got, "index of "+index.CollectionGroup)
		for _, f := range index.Fields {
			got = append(got, f.FieldPath)
		}
	}
	for _, f := range file.FieldOverrides {
		got = append(got, fmt.Sprint(f.CollectionGroup, " ", f.FieldPath, " ", f.TTL))
	}
	want := []string{
		"index of " + firestore.RowsName, firestore.FieldOwner, firestore.FieldDue,
		firestore.RowsName + " " + firestore.FieldBody + " false", firestore.LeasesName + " " + firestore.FieldForgetTime + " true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indexes.json (-want +got):\n%s", diff)
	}
}

func BenchmarkSave(b *testing.B) {
	s := open(b, firestore.Options{Project: newProject()})
	lease, _, err := s.Acquire(b.Context(), "x", "a", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	row := preview.Row{Key: key(1), Owner: preview.Intake, Body: make([]byte, 1500)}
	for b.Loop() {
		if row, err = s.Save(b.Context(), lease, row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMark(b *testing.B) {
	s := open(b, firestore.Options{Project: newProject()})
	if err := s.Ping(b.Context()); err != nil { // connect first
		b.Fatal(err)
	}
	for n := 1; b.Loop(); n++ {
		if err := s.Mark(b.Context(), key(n), preview.Intake, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
