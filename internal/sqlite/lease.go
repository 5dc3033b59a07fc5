package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// The processes that share a file are on one host, so that its clock is the store's.

// Acquire implements [preview.Leases].
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (preview.Lease, bool, error) {
	now := time.Now()
	lease := preview.Lease{Name: name, Holder: holder, Until: now.Add(ttl)}
	err := s.write.QueryRowContext(ctx, `
		INSERT INTO leases (name, holder, epoch, until) VALUES (?1, ?2, 1, ?3)
		ON CONFLICT (name) DO UPDATE SET holder = ?2, epoch = epoch + 1, until = ?3 WHERE until <= ?4
		RETURNING epoch`,
		name, holder, lease.Until.UnixMilli(), now.UnixMilli()).Scan(&lease.Epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return preview.Lease{}, false, nil
	}
	if err != nil {
		return preview.Lease{}, false, fmt.Errorf("acquiring lease %s: %w", name, err)
	}
	return lease, true, nil
}

// Renew implements [preview.Leases].
func (s *Store) Renew(ctx context.Context, lease preview.Lease, ttl time.Duration) (preview.Lease, error) {
	lease.Until = time.Now().Add(ttl)
	done, err := s.write.ExecContext(ctx,
		"UPDATE leases SET until = ? WHERE name = ? AND epoch = ? AND until > 0",
		lease.Until.UnixMilli(), lease.Name, lease.Epoch)
	if err == nil {
		err = oneRow(done)
	}
	if err != nil {
		return preview.Lease{}, fmt.Errorf("renewing lease %s: %w", lease.Name, err)
	}
	return lease, nil
}

// Release implements [preview.Leases]. The row stays, because the next epoch must be higher.
func (s *Store) Release(ctx context.Context, lease preview.Lease) error {
	_, err := s.write.ExecContext(ctx, "UPDATE leases SET until = 0 WHERE name = ? AND epoch = ?", lease.Name, lease.Epoch)
	if err != nil {
		return fmt.Errorf("releasing lease %s: %w", lease.Name, err)
	}
	return nil
}

func oneRow(done sql.Result) error {
	n, err := done.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return preview.ErrLeaseLost
	}
	return nil
}
