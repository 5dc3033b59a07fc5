package preview

import (
	"context"
	"time"
)

// An Owner is who writes a row.
type Owner string

// The two owners. Nobody writes the other's row; everybody may read both and may mark both as due.
const (
	Intake     Owner = "intake"     // writes [Wanted]
	Aggregator Owner = "aggregator" // writes [Observed]
)

// A Row is one owner's half of a preview as the store keeps it.
type Row struct {
	Key     Key
	Owner   Owner
	Version int64     // 0: never saved; grows by one with each save
	Marks   int64     // counts the calls of Mark; see [Rows.Save]
	Due     time.Time // when to look at it (again); zero: nothing to do
	Settled bool      // nothing is there and nothing is to be done until it is marked again: [Rows.List] leaves it out
	Body    []byte    // JSON; empty until the first save. See [DecodeWanted] and [DecodeObserved]
}

// Rows keeps the rows. Implementations are safe for concurrent use by several goroutines and processes, and are held
// to one contract by previewtest.TestStore. Times are UTC with millisecond precision.
type Rows interface {
	// Mark notes durably that a row is to be looked at no later than at; it creates the row if need be and never
	// moves Due to a later time. A settled row is settled no more. When it returns nil, the mark survives a crash.
	Mark(ctx context.Context, key Key, owner Owner, at time.Time) error
	// Load returns a row; one that does not exist is returned with Version 0 and no error.
	Load(ctx context.Context, key Key, owner Owner) (Row, error)
	// Save writes row.Body and row.Settled under the fence of lease and with the versions that row was loaded with, and returns the
	// row as it is now. If a Mark came since the load, Due becomes the earlier of row.Due and that mark's time,
	// and the row is not settled.
	// ErrConflict: another version is stored. ErrLeaseLost: lease is not the newest on its name; nothing is written.
	Save(ctx context.Context, lease Lease, row Row) (Row, error)
	// List returns the rows of an owner that are not settled, in the order of their keys: pull requests that are
	// closed and taken in grow in number for ever, and are of no interest to whoever looks at everything.
	List(ctx context.Context, owner Owner) ([]Row, error)
	// Due returns the keys of rows with a Due not after now, the longest due first, whether leased or not.
	Due(ctx context.Context, owner Owner, now time.Time, limit int) ([]Key, error)
}

// A Lease is the right to work on something, for a time. Epoch grows with each acquisition, so that a worker that was
// paused past the end of its lease can't write any more.
type Lease struct {
	Name   string // see [LeaseName]
	Holder string
	Epoch  int64
	Until  time.Time
}

// LeaseName is the name of the lease on a row.
func LeaseName(key Key, owner Owner) string { return string(owner) + ":" + key.String() }

// Leases hands out leases. Time is the store's, not the caller's.
type Leases interface {
	// Acquire takes the lease if nobody holds it, or if the holder's has run out. ok is false while somebody else
	// (or another acquisition by the same holder) has it.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (lease Lease, ok bool, err error)
	// Renew prolongs a lease that is still held. ErrLeaseLost: it is somebody else's by now.
	Renew(ctx context.Context, lease Lease, ttl time.Duration) (Lease, error)
	// Release gives the lease back; releasing one that was lost is no error.
	Release(ctx context.Context, lease Lease) error
}

// Store is all that Gangway keeps.
type Store interface {
	Rows
	Leases
}
