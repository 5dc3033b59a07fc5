// Package previewtest holds the contract that every [preview.Store] keeps to.
package previewtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// TestStore holds a store to the contract. open returns a new, empty store; the store's own clock must go on by itself.
func TestStore(t *testing.T, open func(t *testing.T) preview.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s preview.Store)
	}{
		{"a row that does not exist is empty", testAbsent},
		{"save and load", testSave},
		{"a row without a body can be put off", testEmptyBody},
		{"a save with an old version is refused", testConflict},
		{"a save under a lost lease writes nothing", testFence},
		{"a mark makes a row due and never later", testMark},
		{"a mark that comes during the work survives the save", testMarkDuringWork},
		{"rows of the two owners are apart", testOwners},
		{"list and due", testList},
		{"a settled row is listed again once it is marked", testSettled},
		{"a lease excludes others until it runs out", testLease},
		{"a released lease is free, with a higher epoch", testRelease},
		{"a lost lease can't be renewed", testRenew},
		{"one of many acquires", testRace},
		{"concurrent saves: one wins each version", testSaves},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func key(n int) preview.Key {
	return preview.Key{Environment: "development", Gateway: "shop", Repository: 812345678, PullRequest: n}
}

func lease(t *testing.T, s preview.Store, k preview.Key) preview.Lease {
	t.Helper()
	l, ok, err := s.Acquire(t.Context(), preview.LeaseName(k, preview.Intake), "holder", time.Minute)
	if err != nil || !ok {
		t.Fatalf("Acquire = %v, %v; want the lease", ok, err)
	}
	return l
}

func load(t *testing.T, s preview.Store, k preview.Key, owner preview.Owner) preview.Row {
	t.Helper()
	row, err := s.Load(t.Context(), k, owner)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func testAbsent(t *testing.T, s preview.Store) {
	row := load(t, s, key(1), preview.Intake)
	if row.Version != 0 || len(row.Body) != 0 || !row.Due.IsZero() || row.Key != key(1) || row.Owner != preview.Intake {
		t.Errorf("Load = %+v; want an empty row of that key and owner", row)
	}
}

func testSave(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	row := load(t, s, key(1), preview.Intake)
	row.Body = []byte(`{"a":1}`)
	row.Due = time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	saved, err := s.Save(t.Context(), l, row)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Version != 1 {
		t.Errorf("version after the first save = %d; want 1", saved.Version)
	}
	got := load(t, s, key(1), preview.Intake)
	if string(got.Body) != `{"a":1}` || !got.Due.Equal(row.Due) || got.Version != 1 {
		t.Errorf("Load = %+v; want what was saved", got)
	}
	got.Due = time.Time{}
	if _, err := s.Save(t.Context(), l, got); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, key(1), preview.Intake); !got.Due.IsZero() || got.Version != 2 {
		t.Errorf("Load = %+v; want version 2, not due", got)
	}
}

// testEmptyBody puts a row off that was marked and never decided.
func testEmptyBody(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	mark(t, s, key(1), time.Now())
	row := load(t, s, key(1), preview.Intake)
	row.Due = time.Now().Add(time.Hour)
	for _, body := range [][]byte{row.Body, nil, {}} {
		row.Body = body
		saved, err := s.Save(t.Context(), l, row)
		if err != nil {
			t.Fatal(err)
		}
		row = saved
	}
	if got := load(t, s, key(1), preview.Intake); len(got.Body) != 0 || got.Version != 3 || !got.Due.After(time.Now()) {
		t.Errorf("Load = %+v; want version 3 of an empty row, due later", got)
	}
}

func testConflict(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	row := load(t, s, key(1), preview.Intake)
	row.Body = []byte(`{}`)
	if _, err := s.Save(t.Context(), l, row); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), l, row); !errors.Is(err, preview.ErrConflict) {
		t.Errorf("second save of version 0: %v; want ErrConflict", err)
	}
}

func testFence(t *testing.T, s preview.Store) {
	name := preview.LeaseName(key(1), preview.Intake)
	old, ok, err := s.Acquire(t.Context(), name, "old", time.Millisecond)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	acquireEventually(t, s, name)
	row := load(t, s, key(1), preview.Intake)
	row.Body = []byte(`{}`)
	if _, err := s.Save(t.Context(), old, row); !errors.Is(err, preview.ErrLeaseLost) {
		t.Errorf("save under the old lease: %v; want ErrLeaseLost", err)
	}
	if got := load(t, s, key(1), preview.Intake); got.Version != 0 || len(got.Body) != 0 {
		t.Errorf("the refused save wrote %+v", got)
	}
}

// acquireEventually takes a lease that is about to run out.
func acquireEventually(t *testing.T, s preview.Store, name string) preview.Lease {
	t.Helper()
	for range 500 {
		l, ok, err := s.Acquire(t.Context(), name, "new", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return l
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the lease never ran out")
	return preview.Lease{}
}

func mark(t *testing.T, s preview.Store, k preview.Key, at time.Time) {
	t.Helper()
	if err := s.Mark(t.Context(), k, preview.Intake, at); err != nil {
		t.Fatal(err)
	}
}

func testMark(t *testing.T, s preview.Store) {
	at := time.Now().UTC().Truncate(time.Millisecond)
	mark(t, s, key(1), at)
	mark(t, s, key(1), at.Add(time.Hour))
	row := load(t, s, key(1), preview.Intake)
	if !row.Due.Equal(at) || row.Marks != 2 || row.Version != 0 {
		t.Errorf("after two marks: %+v; want the earlier time, 2 marks and version 0", row)
	}
}

func testMarkDuringWork(t *testing.T, s preview.Store) {
	at := time.Now().UTC().Truncate(time.Millisecond)
	l := lease(t, s, key(1))
	mark(t, s, key(1), at)
	row := load(t, s, key(1), preview.Intake)
	mark(t, s, key(1), at.Add(time.Second))
	row.Body, row.Due = []byte(`{}`), time.Time{}
	saved, err := s.Save(t.Context(), l, row)
	if err != nil {
		t.Fatal(err)
	}
	got := load(t, s, key(1), preview.Intake)
	if got.Due.IsZero() || got.Due.After(at.Add(time.Second)) {
		t.Errorf("due after the save = %v; want the mark to have survived", got.Due)
	}
	if !saved.Due.Equal(got.Due) || saved.Marks != got.Marks {
		t.Errorf("Save returned %+v; stored is %+v", saved, got)
	}
	saved.Due = time.Time{}
	if _, err := s.Save(t.Context(), l, saved); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, key(1), preview.Intake); !got.Due.IsZero() {
		t.Errorf("due = %v after a save that had seen the mark; want none", got.Due)
	}
}

func testOwners(t *testing.T, s preview.Store) {
	mark(t, s, key(1), time.Now())
	if row := load(t, s, key(1), preview.Aggregator); row.Marks != 0 || !row.Due.IsZero() {
		t.Errorf("the aggregator's row was marked too: %+v", row)
	}
}

func testList(t *testing.T, s preview.Store) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i, d := range []time.Duration{time.Hour, -time.Minute, -time.Hour} {
		mark(t, s, key(i+1), now.Add(d))
	}
	rows, err := s.List(t.Context(), preview.Intake)
	if err != nil || len(rows) != 3 || rows[0].Key != key(1) || rows[2].Key != key(3) {
		t.Errorf("List = %+v, %v; want three rows in the order of their keys", rows, err)
	}
	due, err := s.Due(t.Context(), preview.Intake, now, 10)
	if err != nil || len(due) != 2 || due[0] != key(3) || due[1] != key(2) {
		t.Errorf("Due = %v, %v; want 3 and 2", due, err)
	}
	if due, err := s.Due(t.Context(), preview.Intake, now, 1); err != nil || len(due) != 1 || due[0] != key(3) {
		t.Errorf("Due limited to 1 = %v, %v", due, err)
	}
}

func testSettled(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	listed := func(why string, want bool) {
		t.Helper()
		rows, err := s.List(t.Context(), preview.Intake)
		if err != nil || (len(rows) == 1) != want {
			t.Errorf("%s: List = %+v, %v; want it listed: %t", why, rows, err, want)
		}
		if row := load(t, s, key(1), preview.Intake); row.Settled == want {
			t.Errorf("%s: Settled = %t", why, row.Settled)
		}
	}
	settle := func(row preview.Row) {
		t.Helper()
		row.Body, row.Settled = []byte(`{}`), true
		if _, err := s.Save(t.Context(), l, row); err != nil {
			t.Fatal(err)
		}
	}
	settle(load(t, s, key(1), preview.Intake))
	listed("settled", false)
	mark(t, s, key(1), time.Now())
	listed("marked", true)
	settle(load(t, s, key(1), preview.Intake))
	listed("settled again", false)
	row := load(t, s, key(1), preview.Intake)
	mark(t, s, key(1), time.Now())
	settle(row)
	listed("marked before it was settled", true)
}

func testLease(t *testing.T, s preview.Store) {
	name := preview.LeaseName(key(1), preview.Intake)
	first, ok, err := s.Acquire(t.Context(), name, "a", 2*time.Second)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, holder := range []string{"a", "b"} {
		if _, ok, err := s.Acquire(t.Context(), name, holder, time.Minute); ok || err != nil {
			t.Errorf("Acquire by %s while it is held = %v, %v; want false", holder, ok, err)
		}
	}
	second := acquireEventually(t, s, name)
	if second.Epoch <= first.Epoch {
		t.Errorf("epoch %d after %d; want a higher one", second.Epoch, first.Epoch)
	}
}

func testRelease(t *testing.T, s preview.Store) {
	first := lease(t, s, key(1))
	if err := s.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := lease(t, s, key(1))
	if second.Epoch <= first.Epoch {
		t.Errorf("epoch %d after %d; want a higher one", second.Epoch, first.Epoch)
	}
	if err := s.Release(t.Context(), first); err != nil {
		t.Errorf("releasing a lost lease: %v", err)
	}
	if _, ok, _ := s.Acquire(t.Context(), second.Name, "x", time.Minute); ok {
		t.Error("releasing a lost lease freed the new one")
	}
}

func testRenew(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	renewed, err := s.Renew(t.Context(), l, time.Hour)
	if err != nil || !renewed.Until.After(l.Until) || renewed.Epoch != l.Epoch {
		t.Errorf("Renew = %+v, %v; want a later end of the same epoch as %+v", renewed, err, l)
	}
	if err := s.Release(t.Context(), renewed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), renewed, time.Hour); !errors.Is(err, preview.ErrLeaseLost) {
		t.Errorf("renewing a released lease: %v; want ErrLeaseLost", err)
	}
}

func testRace(t *testing.T, s preview.Store) {
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, ok, err := s.Acquire(context.WithoutCancel(t.Context()), "race", fmt.Sprint(i), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 acquired the lease; want 1", won.Load())
	}
}

func testSaves(t *testing.T, s preview.Store) {
	l := lease(t, s, key(1))
	const writers, each = 4, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for saved := 0; saved < each; {
				row, err := s.Load(context.WithoutCancel(t.Context()), key(1), preview.Intake)
				if err != nil {
					t.Error(err)
					return
				}
				row.Body = []byte(`{}`)
				switch _, err := s.Save(context.WithoutCancel(t.Context()), l, row); {
				case err == nil:
					saved++
				case !errors.Is(err, preview.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if row := load(t, s, key(1), preview.Intake); row.Version != writers*each {
		t.Errorf("version = %d after %d saves", row.Version, writers*each)
	}
}
