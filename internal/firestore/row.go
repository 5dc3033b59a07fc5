package firestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/iterator"

	"github.com/gangway-dev/gangway/internal/preview"
)

// schema is the format of a row's document. Whatever comes after it, [Store.Mark] writes key, owner, marks, marked,
// due and settled without looking: they have to keep their meaning, so that instances of two versions can work side by side.
const schema = 1

// The fields of a row's document. Times are numbers of milliseconds, because Firestore finds the smaller of two numbers
// by itself, but not of two timestamps.
const (
	fieldSchema  = "schema"  // missing until the first save
	fieldKey     = "key"     // for people who look at it; the document's id is what counts
	fieldOwner   = "owner"   // for queries
	fieldVersion = "version" // missing until the first save
	fieldMarks   = "marks"
	fieldMarked  = "marked" // time of the earliest mark since the last save; null is none
	fieldDue     = "due"    // null is never
	fieldSettled = "settled"
	fieldBody    = "body" // text, so that people can read it
)

// A document is a row as it is stored.
type document struct {
	row    preview.Row
	marked time.Time
}

// Mark implements [preview.Rows].
func (s *Store) Mark(ctx context.Context, key preview.Key, owner preview.Owner, at time.Time) error {
	if err := s.marks.mark(ctx, markName{key, owner}, at); err != nil {
		return fmt.Errorf("marking %s: %w", key, err)
	}
	return nil
}

// writeMarks is one blind write, which Firestore applies to the document as it is then: it needs no transaction and
// conflicts with none. One whose outcome is unknown is repeated; marks too many do no harm.
func (s *Store) writeMarks(ctx context.Context, name markName, count int64, at time.Time) error {
	return try(ctx, func(ctx context.Context) error {
		_, err := s.rows.Doc(rowName(name.key, name.owner)).Set(ctx, map[string]any{
			fieldKey: name.key.String(), fieldOwner: string(name.owner),
			fieldMarks:   firestore.Increment(count),
			fieldMarked:  firestore.FieldTransformMinimum(at.UnixMilli()),
			fieldDue:     firestore.FieldTransformMinimum(at.UnixMilli()),
			fieldSettled: false,
		}, firestore.MergeAll)
		return err
	})
}

// Load implements [preview.Rows].
func (s *Store) Load(ctx context.Context, key preview.Key, owner preview.Owner) (preview.Row, error) {
	var found *firestore.DocumentSnapshot
	err := try(ctx, func(ctx context.Context) (err error) {
		found, err = s.rows.Doc(rowName(key, owner)).Get(ctx)
		return notFoundIsNone(found, err)
	})
	var d document
	if err == nil {
		d, err = read(found, key, owner)
	}
	if err != nil {
		return preview.Row{}, fmt.Errorf("loading %s: %w", key, err)
	}
	return d.row, nil
}

// Save implements [preview.Rows]. When the outcome of a write is unknown, the next attempt finds the new version and says
// ErrConflict: the caller reads again, and finds what it has saved.
func (s *Store) Save(ctx context.Context, lease preview.Lease, row preview.Row) (preview.Row, error) {
	saved := row
	err := try(ctx, func(ctx context.Context) error {
		leaseFound, rowFound, err := s.readBoth(ctx, lease, row)
		if err != nil {
			return err
		}
		if saved, err = decide(lease, row, leaseFound, rowFound); err != nil {
			return err
		}
		return s.writeRow(ctx, saved, leaseFound, rowFound)
	})
	if err != nil {
		return row, fmt.Errorf("saving %s: %w", row.Key, err)
	}
	return saved, nil
}

func (s *Store) readBoth(ctx context.Context, lease preview.Lease, row preview.Row) (leaseFound, rowFound *firestore.DocumentSnapshot, err error) {
	found, err := s.client.GetAll(ctx, []*firestore.DocumentRef{s.leaseRef(lease.Name), s.rows.Doc(rowName(row.Key, row.Owner))})
	if err != nil {
		return nil, nil, err
	}
	return found[0], found[1], nil
}

// writeRow writes the row under the condition that neither it nor its lease has changed, in one atomic call. The lease is
// written as it is, which leaves its update time as it was:
// https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#writeresult
func (s *Store) writeRow(ctx context.Context, row preview.Row, leaseFound, rowFound *firestore.DocumentSnapshot) error {
	values := map[string]any{
		fieldSchema: schema, fieldKey: row.Key.String(), fieldOwner: string(row.Owner),
		fieldVersion: row.Version, fieldMarks: row.Marks, fieldMarked: nil, fieldDue: toMillis(row.Due),
		fieldSettled: row.Settled, fieldBody: string(row.Body),
	}
	batch := s.client.Batch() //nolint:staticcheck // instead of a transaction, which takes a call more and does nothing more
	batch.Update(leaseFound.Ref, []firestore.Update{{Path: fieldEpoch, Value: leaseFound.Data()[fieldEpoch]}}, unchanged(leaseFound))
	if rowFound.Exists() {
		var updates []firestore.Update
		for field, value := range values {
			updates = append(updates, firestore.Update{Path: field, Value: value})
		}
		batch.Update(rowFound.Ref, updates, unchanged(rowFound))
	} else {
		batch.Create(rowFound.Ref, values)
	}
	_, err := batch.Commit(ctx)
	return err
}

// decide tells what becomes of a row that is to be saved.
func decide(lease preview.Lease, row preview.Row, leaseFound, rowFound *firestore.DocumentSnapshot) (preview.Row, error) {
	held, err := parseLease(leaseFound)
	if err != nil {
		return row, err
	}
	if !leaseFound.Exists() || held.epoch != lease.Epoch {
		return row, preview.ErrLeaseLost
	}
	stored, err := read(rowFound, row.Key, row.Owner)
	if err != nil {
		return row, err
	}
	if stored.row.Version != row.Version {
		return row, preview.ErrConflict
	}
	if at := stored.marked; stored.row.Marks != row.Marks && !at.IsZero() && (row.Due.IsZero() || at.Before(row.Due)) {
		row.Due = at
	}
	row.Version++
	row.Settled = row.Settled && stored.row.Marks == row.Marks
	row.Marks = stored.row.Marks
	row.Due = fromMillis(toMillis(row.Due))
	return row, nil
}

// List implements [preview.Rows]. Rows that can't be read are left out.
func (s *Store) List(ctx context.Context, owner preview.Owner) ([]preview.Row, error) {
	var list []preview.Row
	err := s.each(ctx, s.rows.Where(fieldOwner, "==", string(owner)).Where(fieldSettled, "==", false), func(found *firestore.DocumentSnapshot) {
		key, err := keyOf(found.Ref.ID, owner)
		if err != nil {
			return // see read
		}
		if d, err := read(found, key, owner); err == nil {
			list = append(list, d.row)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listing rows: %w", err)
	}
	slices.SortFunc(list, func(a, b preview.Row) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return list, nil
}

// Due implements [preview.Rows]. What is due and can't be read is found too, so that whoever loads it says so.
func (s *Store) Due(ctx context.Context, owner preview.Owner, now time.Time, limit int) ([]preview.Key, error) {
	var keys []preview.Key
	query := s.rows.Where(fieldOwner, "==", string(owner)).Where(fieldDue, "<=", now.UnixMilli()).
		OrderBy(fieldDue, firestore.Asc).Limit(limit).Select() // names only
	err := s.each(ctx, query, func(found *firestore.DocumentSnapshot) {
		if key, err := keyOf(found.Ref.ID, owner); err == nil {
			keys = append(keys, key)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("finding due rows: %w", err)
	}
	return keys, nil
}

// each runs a query.
func (s *Store) each(ctx context.Context, query firestore.Query, use func(*firestore.DocumentSnapshot)) error {
	ctx, cancel := context.WithTimeout(ctx, listing)
	defer cancel()
	documents := query.Documents(ctx)
	defer documents.Stop()
	for {
		found, err := documents.Next()
		if errors.Is(err, iterator.Done) {
			return nil
		}
		if err != nil {
			return canceled(ctx, err)
		}
		use(found)
	}
}

// read reads a row's document. One that is damaged, or a newer Gangway's, is [preview.ErrUnreadable] and harms nobody else.
func read(found *firestore.DocumentSnapshot, key preview.Key, owner preview.Owner) (document, error) {
	d := document{row: preview.Row{Key: key, Owner: owner}}
	if !found.Exists() {
		return d, nil
	}
	f := fields{values: found.Data(), document: found.Ref.ID}
	if written := f.number(fieldSchema, schema); f.err == nil && written != schema {
		return document{}, fmt.Errorf("%w: document %q has schema %d, this Gangway reads %d",
			preview.ErrUnreadable, found.Ref.ID, written, schema)
	}
	d.row.Version, d.row.Marks = f.number(fieldVersion, 0), f.number(fieldMarks, 0)
	d.row.Due, d.marked = f.time(fieldDue), f.time(fieldMarked)
	d.row.Settled = f.flag(fieldSettled)
	d.row.Body = []byte(f.text(fieldBody))
	return d, f.err
}
