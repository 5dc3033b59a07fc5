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
