package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
	"github.com/gangway-dev/gangway/internal/firestore"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/sqlite"
)

func TestParseStore(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		project, database string
		firestore         bool
		err               string
	}{
		".gangway/store.db":                        {},
		"/var/lib/gangway/store.db":                {},
		"firestore://acme-dev":                     {project: "acme-dev", firestore: true},
		"firestore://acme-dev/(default)":           {project: "acme-dev", database: "(default)", firestore: true},
		"firestore://example.com:acme-dev/gangway": {project: "example.com:acme-dev", database: "gangway", firestore: true},
		"":                         {err: "is empty"},
		"postgres://localhost/x":   {err: `no store "postgres"`},
		"firestore://":             {err: `"" is no project id`},
		"firestore://Acme":         {err: `"Acme" is no project id`},
		"firestore://acme-dev/":    {err: `"" is no database id`},
		"firestore://acme-dev/a/b": {err: `"a/b" is no database id`},
		"firestore://acme-dev?x=y": {err: "no project id"},
	} {
		project, database, ok, err := parseStore(text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "firestore://PROJECT[/DATABASE]") {
				t.Errorf("parseStore(%q) = %v; want an error with %q, and what to write", text, err, c.err)
			}
			continue
		}
		if err != nil || project != c.project || database != c.database || ok != c.firestore {
			t.Errorf("parseStore(%q) = %q, %q, %v, %v", text, project, database, ok, err)
		}
	}
}

func TestOpenStore(t *testing.T) {
	file, err := Common{Store: filepath.Join(t.TempDir(), "store.db")}.openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // a test
	if _, ok := file.(*sqlite.Store); !ok {
		t.Errorf("a file is opened as %T", file)
	}
	database, err := Common{
		Store: "firestore://acme-dev/gangway", Google: Google{Firestore: gcloudtest.Firestore(t)},
	}.openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close() //nolint:errcheck // a test
	if _, ok := database.(*firestore.Store); !ok {
		t.Errorf("a database is opened as %T", database)
	}
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: 2}
	if err := database.Mark(t.Context(), key, preview.Intake, time.Now()); err != nil {
		t.Error(err)
	}
}
