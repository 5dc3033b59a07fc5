package firestore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Marks that come during a write share the next one, and each is in a write that began after it.
func TestMarksAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var writes []int64
		var earliest []time.Time
		m := &marker{lines: map[markName]*batch{}, write: func(_ context.Context, _ markName, count int64, at time.Time) error {
			time.Sleep(time.Second)
			writes, earliest = append(writes, count), append(earliest, at)
			return nil
		}}
		var group sync.WaitGroup
		for n := range 100 {
			group.Go(func() {
				if err := m.mark(t.Context(), markName{}, began.Add(-time.Duration(n)*time.Minute)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if len(writes) != 2 || writes[0] != 1 || writes[1] != 99 {
			t.Errorf("writes of %v marks; want one and all others", writes)
		}
		if want := began.Add(-99 * time.Minute); len(earliest) == 2 && !earliest[1].Equal(want) {
			t.Errorf("the second write has the time %v; want the earliest, %v", earliest[1], want)
		}
		synctest.Wait()
		if len(m.lines) != 0 {
			t.Errorf("%d rows are remembered", len(m.lines))
		}
	})
}

// A failed write fails its own marks, and who gives up keeps nobody else from being written.
func TestMarksThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		writes := 0
		m := &marker{lines: map[markName]*batch{}, write: func(context.Context, markName, int64, time.Time) error {
			time.Sleep(time.Second)
			if writes++; writes == 1 {
				return away
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		results := make([]error, 3)
		var group sync.WaitGroup
		for n, ctx := range []context.Context{t.Context(), ctx, t.Context()} {
			group.Go(func() { results[n] = m.mark(ctx, markName{}, time.Now()) })
			synctest.Wait()
		}
		cancel()
		group.Wait()
		if !errors.Is(results[0], away) || !errors.Is(results[1], context.Canceled) || results[2] != nil {
			t.Errorf("results %v; want away, cancelled, none", results)
		}
	})
}
