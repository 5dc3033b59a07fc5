// Package sqlite keeps previews in one SQLite file: write-ahead log, synchronous=FULL, one writer at a time. Several
// processes of one host may share the file; a file on a network file system is not supported, because SQLite's locks are
// not reliable there (https://www.sqlite.org/wal.html).
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	driver "modernc.org/sqlite" // in pure Go
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gangway-dev/gangway/internal/preview"
)

// schemaVersion is stored in the file's user_version. An older Gangway refuses a newer file.
const schemaVersion = 2

// migrations lead from each version of the schema to the next. A program that knows the former version can work on beside
// one that has migrated the file.
var migrations = [schemaVersion]string{`
CREATE TABLE IF NOT EXISTS rows (
	key     TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	version INTEGER NOT NULL,
	marks   INTEGER NOT NULL,
	marked  INTEGER,          -- time of the earliest mark since the last save, in ms
	due     INTEGER,          -- ms; NULL is never
	body    BLOB    NOT NULL,
	PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_due ON rows (owner, due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS leases (
	name   TEXT    NOT NULL PRIMARY KEY,
	holder TEXT    NOT NULL,
	epoch  INTEGER NOT NULL,
	until  INTEGER NOT NULL   -- ms
) WITHOUT ROWID;
`, `
ALTER TABLE rows ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rows_unsettled ON rows (owner, key) WHERE NOT settled;
`}

// Store is a [preview.Store] in one file. It is safe for concurrent use.
type Store struct {
	write *sql.DB // one connection: writers queue in Go instead of starving each other in SQLite
	read  *sql.DB
}

// Open opens or creates the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	write, err := open(path, 1)
	if err != nil {
		return nil, err
	}
	if err := migrateInTime(ctx, write); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	read, err := open(path, 4)
	if err != nil {
		_ = write.Close()
		return nil, err
	}
	return &Store{write: write, read: read}, nil
}

func open(path string, connections int) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	return db, nil
}

// openTime is how long the first to open a new file may keep the others waiting.
const openTime = 10 * time.Second

// migrateInTime is migrate, tried again while another process is at it: turning a new file's write-ahead log on is refused
// at once then, without the wait that busy_timeout asks for (https://www.sqlite.org/c3ref/busy_handler.html).
func migrateInTime(ctx context.Context, db *sql.DB) error {
	for began := time.Now(); ; {
		err := migrate(ctx, db)
		var busy *driver.Error
		if err == nil || !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY || time.Since(began) > openTime {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func migrate(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("the file was written by a newer Gangway (schema %d, this one knows %d): upgrade", version, schemaVersion)
	}
	if version == schemaVersion {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil) // it has the write lock from the beginning: _txlock
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil { // another process may have been quicker
		return err
	}
	for n := version; n < schemaVersion; n++ {
		if _, err := tx.ExecContext(ctx, migrations[n]); err != nil {
			return fmt.Errorf("migrating to schema %d: %w", n+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// Close closes the file.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// Mark implements [preview.Rows].
func (s *Store) Mark(ctx context.Context, key preview.Key, owner preview.Owner, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `
		INSERT INTO rows (key, owner, version, marks, marked, due, body) VALUES (?1, ?2, 0, 1, ?3, ?3, x'')
		ON CONFLICT (owner, key) DO UPDATE SET
			marks  = marks + 1,
			settled = 0,
			marked = MIN(COALESCE(marked, ?3), ?3),
			due    = MIN(COALESCE(due, ?3), ?3)`,
		key.String(), string(owner), at.UnixMilli())
	if err != nil {
		return fmt.Errorf("marking %s: %w", key, err)
	}
	return nil
}

// Load implements [preview.Rows].
func (s *Store) Load(ctx context.Context, key preview.Key, owner preview.Owner) (preview.Row, error) {
	row := preview.Row{Key: key, Owner: owner}
	var due sql.NullInt64
	err := s.read.QueryRowContext(ctx,
		"SELECT version, marks, due, settled, body FROM rows WHERE owner = ? AND key = ?", string(owner), key.String(),
	).Scan(&row.Version, &row.Marks, &due, &row.Settled, &row.Body)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return preview.Row{}, fmt.Errorf("loading %s: %w", key, err)
	}
	row.Due = fromMillis(due)
	return row, nil
}

// Save implements [preview.Rows].
func (s *Store) Save(ctx context.Context, lease preview.Lease, row preview.Row) (preview.Row, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return row, fmt.Errorf("saving %s: %w", row.Key, err)
	}
	defer tx.Rollback()
	saved, err := save(ctx, tx, lease, row)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return row, fmt.Errorf("saving %s: %w", row.Key, err)
	}
	return saved, nil
}

func save(ctx context.Context, tx *sql.Tx, lease preview.Lease, row preview.Row) (preview.Row, error) {
	var epoch int64
	err := tx.QueryRowContext(ctx, "SELECT epoch FROM leases WHERE name = ?", lease.Name).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) || err == nil && epoch != lease.Epoch {
		return row, preview.ErrLeaseLost
	}
	if err != nil {
		return row, err
	}
	var version, marks int64
	var marked sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT version, marks, marked FROM rows WHERE owner = ? AND key = ?",
		string(row.Owner), row.Key.String()).Scan(&version, &marks, &marked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	if version != row.Version {
		return row, preview.ErrConflict
	}
	if marks != row.Marks && marked.Valid {
		if at := fromMillis(marked); row.Due.IsZero() || at.Before(row.Due) {
			row.Due = at
		}
	}
	row.Version++
	row.Settled = row.Settled && marks == row.Marks
	row.Marks = marks
	_, err = tx.ExecContext(ctx, `
		INSERT INTO rows (key, owner, version, marks, marked, due, body, settled)
		VALUES (?1, ?2, ?3, ?4, NULL, ?5, COALESCE(?6, x''), ?7)
		ON CONFLICT (owner, key) DO UPDATE SET version = ?3, marked = NULL, due = ?5, body = COALESCE(?6, x''), settled = ?7`,
		row.Key.String(), string(row.Owner), row.Version, row.Marks, toMillis(row.Due), row.Body, row.Settled)
	return row, err
}

// List implements [preview.Rows]. Rows whose keys can't be read are left out.
func (s *Store) List(ctx context.Context, owner preview.Owner) ([]preview.Row, error) {
	rows, err := s.read.QueryContext(ctx,
		"SELECT key, version, marks, due, body FROM rows WHERE owner = ? AND NOT settled ORDER BY key", string(owner))
	if err != nil {
		return nil, fmt.Errorf("listing rows: %w", err)
	}
	defer rows.Close()
	var list []preview.Row
	for rows.Next() {
		var key string
		var due sql.NullInt64
		row := preview.Row{Owner: owner}
		if err := rows.Scan(&key, &row.Version, &row.Marks, &due, &row.Body); err != nil {
			return nil, fmt.Errorf("listing rows: %w", err)
		}
		if row.Key, err = preview.ParseKey(key); err != nil {
			continue // damaged, or a newer Gangway's: it must not keep the others from being found
		}
		row.Due = fromMillis(due)
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing rows: %w", err)
	}
	return list, nil
}

// Due implements [preview.Rows].
func (s *Store) Due(ctx context.Context, owner preview.Owner, now time.Time, limit int) ([]preview.Key, error) {
	rows, err := s.read.QueryContext(ctx,
		"SELECT key FROM rows WHERE owner = ? AND due <= ? ORDER BY due, key LIMIT ?",
		string(owner), now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("finding due rows: %w", err)
	}
	defer rows.Close()
	var keys []preview.Key
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("finding due rows: %w", err)
		}
		if key, err := preview.ParseKey(text); err == nil { // see List
			keys = append(keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("finding due rows: %w", err)
	}
	return keys, nil
}

func fromMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

func toMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}
