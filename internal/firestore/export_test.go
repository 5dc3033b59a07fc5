package firestore

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Skew makes the clock of the process that has opened the store wrong.
func (s *Store) Skew(by time.Duration) { s.now = func() time.Time { return time.Now().Add(by) } }

// Row is the document of a row, for tests that damage it.
func (s *Store) Row(key preview.Key, owner preview.Owner) *firestore.DocumentRef {
	return s.rows.Doc(rowName(key, owner))
}

// Lease is the document of a lease.
func (s *Store) Lease(name string) *firestore.DocumentRef { return s.leaseRef(name) }

// End is when a lease ends by Firestore's clock.
func (s *Store) End(t *testing.T, name string) time.Time {
	t.Helper()
	found, err := s.leaseRef(name).Get(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseLease(found)
	if err != nil {
		t.Fatal(err)
	}
	return h.end
}

// What indexes.json has to be about.
var (
	RowsName, LeasesName                             = rowsName, leasesName
	FieldOwner, FieldDue, FieldBody, FieldForgetTime = fieldOwner, fieldDue, fieldBody, fieldForget
)

// DocumentName is how a text becomes a document's id.
func DocumentName(text string) string { return documentName(text) }

// SaveInTwo saves a row as Save does, once, with something between its reading and its writing.
func (s *Store) SaveInTwo(ctx context.Context, lease preview.Lease, row preview.Row, between func()) error {
	leaseFound, rowFound, err := s.readBoth(ctx, lease, row)
	if err != nil {
		return err
	}
	saved, err := decide(lease, row, leaseFound, rowFound)
	if err != nil {
		return err
	}
	between()
	return s.writeRow(ctx, saved, leaseFound, rowFound)
}
