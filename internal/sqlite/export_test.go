package sqlite

import (
	"fmt"
	"testing"
)

// SetUserVersion makes the file at path look as if another version had written it.
func SetUserVersion(t *testing.T, path string, version int) {
	t.Helper()
	db, err := open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// MakeOld makes a file at path as the version of the schema left it, with the rows that statements put in.
func MakeOld(t *testing.T, path string, version int, statements ...string) {
	t.Helper()
	db, err := open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append(append([]string{}, migrations[:version]...), statements...) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	SetUserVersion(t, path, version)
}
