package cloudrun_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudrun"
)

// Shares of traffic are shares of requests; while they are moved, no request fails; and each that was answered is told of with
// the revision that answered it.
func TestSplit(t *testing.T) {
	var mu sync.Mutex
	served := map[string]int{}
	c := newCloud(t, func(o *cloudrun.Options) {
		o.Served = func(s cloudrun.Served) {
			mu.Lock()
			defer mu.Unlock()
			if s.Status == http.StatusOK && s.Took > 0 && s.Service == "orders" && s.Project != "" && s.Location != "" {
				served[s.Revision]++
			}
		}
	})
	c.create()
	c.allow("allUsers")
	own := c.tag("next", "orders-2", "two")["uri"].(string)
	split := func(share int) {
		t.Helper()
		traffic := []object{{"type": 2, "revision": "orders-2", "tag": "next"}}
		for revision, percent := range map[string]int{"orders-1": 100 - share, "orders-2": share} {
			if percent > 0 {
				traffic = append(traffic, object{"type": 2, "revision": revision, "percent": percent})
			}
		}
		c.api("PATCH", base+"/services/orders?updateMask=traffic", object{"traffic": traffic}, 200)
		c.settled()
	}
	split(25)
	answered := map[string]int{}
	for range 400 {
		code, _, header := c.get(own, "", "")
		if code != http.StatusOK {
			t.Fatalf("status %d", code)
		}
		answered[header.Get("Revision")]++
	}
	// 100 are expected; four standard deviations are 35.
	if n := answered["orders-2"]; n < 65 || n > 135 || n+answered["orders-1"] != 400 {
		t.Errorf("answered by %v", answered)
	}
	for revision, n := range answered { // the last one is told of a moment after its answer
		for range 1000 {
			mu.Lock()
			told := served[revision]
			mu.Unlock()
			if told == n {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		mu.Lock()
		if served[revision] != n {
			t.Errorf("%s has answered %d requests, told of were %d", revision, n, served[revision])
		}
		mu.Unlock()
	}

	var stop atomic.Bool
	var calls, failed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				calls.Add(1)
				if code, body, _ := c.get(own, "", ""); code != http.StatusOK {
					failed.Add(1)
					t.Errorf("status %d: %s", code, body)
				}
			}
		})
	}
	for _, share := range []int{0, 5, 25, 50, 100, 0, 100, 50, 0, 10} {
		split(share)
		for before := calls.Load(); calls.Load() < before+10; {
			time.Sleep(time.Millisecond)
		}
	}
	stop.Store(true)
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), calls.Load())
	}
}
