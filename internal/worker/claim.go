package worker

import (
	"context"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Claim is the right of one handler to work on one row. Only its lease is touched by another goroutine.
type Claim struct {
	store preview.Store
	row   preview.Row

	mu    sync.Mutex
	lease preview.Lease
}

// Key is the row's.
func (c *Claim) Key() preview.Key { return c.row.Key }

// Row is the row as it was loaded or last saved.
func (c *Claim) Row() preview.Row { return c.row }

// Lease is the lease as it was last renewed.
func (c *Claim) Lease() preview.Lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease
}

func (c *Claim) setLease(l preview.Lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lease = l
}

// Save writes the row's body, whether it is settled, and when to look at it next (zero: never, unless it has been marked
// meanwhile). While work is still to be done, due is a time that is past already, so that whoever comes after a crash goes
// on.
func (c *Claim) Save(ctx context.Context, body []byte, settled bool, due time.Time) error {
	row := c.row
	row.Body, row.Settled, row.Due = body, settled, due
	saved, err := c.store.Save(ctx, c.Lease(), row)
	if err != nil {
		return err
	}
	c.row = saved
	return nil
}
