package firestore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Leases live by Firestore's clock alone; the clocks of the instances may be wrong by any amount.
//
//   - What is stored is how long the lease lasts, not until when. It ends that long after the document's update time, which
//     is Firestore's commit time of the last acquisition or renewal.
//   - Somebody else may acquire it once the time at which Firestore read the document is not before that end. It is written
//     under the condition that it has not changed since: a renewal that comes in between makes the write fail.
//   - What the holder is told as the end is a time of its own clock: how long the lease lasts, counted from before the
//     request was sent. The commit came after that, so the holder believes its lease to end no later than the others do,
//     by whatever the request took. The time that it is told keeps Go's monotonic reading: a clock that is set meanwhile
//     changes nothing.
//
// The epoch is the time of the acquisition in microseconds, by Firestore's clock, and greater than the one before in any
// case. So it stays greater than all that there were when Firestore forgets the document, or a backup is restored.

// The fields of a lease's document.
const (
	fieldName     = "name" // for people
	fieldHolder   = "holder"
	fieldEpoch    = "epoch"
	fieldToken    = "token"       // made anew by each acquisition
	fieldLasts    = "lasts_ms"    // from the update time on; 0 is released
	fieldRenewals = "renewals"    // makes every renewal a change: others leave the update time as it is
	fieldForget   = "forget_time" // when Firestore may delete the document
)

// forgetAfter is how long a lease that nobody wants any more is kept.
const forgetAfter = 7 * 24 * time.Hour

// A held is a lease as it is stored.
type held struct {
	epoch    int64
	token    string
	lasts    time.Duration
	renewals int64
	end      time.Time // by Firestore's clock
}

func (s *Store) leaseRef(name string) *firestore.DocumentRef { return s.leases.Doc(documentName(name)) }

func parseLease(found *firestore.DocumentSnapshot) (held, error) {
	if !found.Exists() {
		return held{}, nil
	}
	f := fields{values: found.Data(), document: found.Ref.ID}
	h := held{
		epoch: f.number(fieldEpoch, 0), token: f.text(fieldToken), renewals: f.number(fieldRenewals, 0),
		lasts: time.Duration(f.number(fieldLasts, 0)) * time.Millisecond,
	}
	h.end = found.UpdateTime.Add(h.lasts)
	return h, f.err
}

// Acquire implements [preview.Leases].
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (preview.Lease, bool, error) {
	lease := preview.Lease{Name: name, Holder: holder}
	token := rand.Text()
	first := s.now()
	ok := false
	err := try(ctx, func(ctx context.Context) error {
		sent := s.now()
		found, h, err := s.readLease(ctx, name)
		if err != nil {
			return err
		}
		if h.token == token { // an attempt before this one, whose outcome was unknown
			ok, lease.Epoch, lease.Until = true, h.epoch, first.Add(ttl)
			return nil
		}
		now := found.ReadTime
		if ok = h.lasts == 0 || !h.end.After(now); !ok {
			return nil
		}
		lease.Epoch, lease.Until = max(h.epoch+1, now.UnixMicro()), sent.Add(ttl)
		return write(ctx, found, map[string]any{
			fieldName: name, fieldHolder: holder, fieldEpoch: lease.Epoch, fieldToken: token,
			fieldLasts: milliseconds(ttl), fieldRenewals: 0, fieldForget: now.Add(ttl + forgetAfter),
		})
	})
	if err != nil {
		return preview.Lease{}, false, fmt.Errorf("acquiring lease %s: %w", name, err)
	}
	if !ok {
		return preview.Lease{}, false, nil
	}
	return lease, true, nil
}

// Renew implements [preview.Leases].
func (s *Store) Renew(ctx context.Context, lease preview.Lease, ttl time.Duration) (preview.Lease, error) {
	err := try(ctx, func(ctx context.Context) error {
		sent := s.now()
		found, h, err := s.readLease(ctx, lease.Name)
		if err != nil {
			return err
		}
		if h.epoch != lease.Epoch || h.lasts == 0 {
			return preview.ErrLeaseLost
		}
		lease.Until = sent.Add(ttl)
		return write(ctx, found, map[string]any{
			fieldLasts: milliseconds(ttl), fieldRenewals: h.renewals + 1, fieldForget: found.ReadTime.Add(ttl + forgetAfter),
		})
	})
	if err != nil {
		return preview.Lease{}, fmt.Errorf("renewing lease %s: %w", lease.Name, err)
	}
	return lease, nil
}

// Release implements [preview.Leases]. The document stays for a while, because the next epoch must be higher.
func (s *Store) Release(ctx context.Context, lease preview.Lease) error {
	err := try(ctx, func(ctx context.Context) error {
		found, h, err := s.readLease(ctx, lease.Name)
		if err != nil || h.epoch != lease.Epoch {
			return err
		}
		return write(ctx, found, map[string]any{fieldLasts: 0})
	})
	if err != nil {
		return fmt.Errorf("releasing lease %s: %w", lease.Name, err)
	}
	return nil
}

// readLease reads a lease; one that does not exist has the epoch 0, which nobody holds.
func (s *Store) readLease(ctx context.Context, name string) (*firestore.DocumentSnapshot, held, error) {
	found, err := s.leaseRef(name).Get(ctx)
	if err := notFoundIsNone(found, err); err != nil {
		return nil, held{}, err
	}
	h, err := parseLease(found)
	return found, h, err
}

// write writes fields of a document under the condition that nobody else has changed it since it was read.
func write(ctx context.Context, found *firestore.DocumentSnapshot, values map[string]any) (err error) {
	if !found.Exists() {
		_, err = found.Ref.Create(ctx, values)
		return err
	}
	var updates []firestore.Update
	for field, value := range values {
		updates = append(updates, firestore.Update{Path: field, Value: value})
	}
	_, err = found.Ref.Update(ctx, updates, unchanged(found))
	return err
}

// milliseconds rounds up: no lease is released because it is short.
func milliseconds(d time.Duration) int64 {
	return max(1, int64((d+time.Millisecond-1)/time.Millisecond))
}
