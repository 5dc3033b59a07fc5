package app

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/gangway-dev/gangway/internal/firestore"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/sqlite"
)

// A store is what both adapters are.
type store interface {
	preview.Store
	Ping(ctx context.Context) error
	Close() error
}

// firestoreScheme is how GANGWAY_STORE begins when it names a Firestore database. Everything else without a scheme is a file.
const firestoreScheme = "firestore://"

var (
	// https://cloud.google.com/resource-manager/docs/creating-managing-projects, with the domain that old ones have
	projectName = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	// https://cloud.google.com/firestore/docs/manage-databases
	databaseName = regexp.MustCompile(`^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$`)
)

// parseStore reads GANGWAY_STORE. ok is false for a file.
func parseStore(text string) (project, database string, ok bool, err error) {
	rest, ok := strings.CutPrefix(text, firestoreScheme)
	if !ok {
		if scheme, _, found := strings.Cut(text, "://"); found {
			return "", "", false, fmt.Errorf("GANGWAY_STORE is %q: there is no store %q; want a file or firestore://PROJECT[/DATABASE]", text, scheme)
		}
		if text == "" {
			return "", "", false, fmt.Errorf("GANGWAY_STORE is empty: want a file or firestore://PROJECT[/DATABASE]")
		}
		return "", "", false, nil
	}
	project, database, found := strings.Cut(rest, "/")
	switch {
	case !projectName.MatchString(project):
		return "", "", true, fmt.Errorf("GANGWAY_STORE is %q: %q is no project id; want firestore://PROJECT[/DATABASE]", text, project)
	case found && !databaseName.MatchString(database):
		return "", "", true, fmt.Errorf("GANGWAY_STORE is %q: %q is no database id; want firestore://PROJECT[/DATABASE]", text, database)
	}
	return project, database, true, nil
}

// openStore opens what GANGWAY_STORE names.
func (c Common) openStore(ctx context.Context) (store, error) {
	return openStore(ctx, c.Store, c.Google.Firestore)
}

// openStore opens the store that text names. endpoint is of a Firestore emulator, or empty.
func openStore(ctx context.Context, text, endpoint string) (store, error) {
	project, database, isFirestore, err := parseStore(text)
	if err != nil {
		return nil, err
	}
	if isFirestore {
		return firestore.Open(ctx, firestore.Options{Project: project, Database: database, Endpoint: endpoint})
	}
	return sqlite.Open(ctx, text)
}

// missing tells whether text names a file that is not there. The commands make it when they start; who only looks doesn't.
func missing(text string) bool {
	if _, _, isFirestore, err := parseStore(text); isFirestore || err != nil {
		return false
	}
	_, err := os.Stat(text)
	return err != nil
}

// openExisting is [openStore] for who only looks.
func openExisting(ctx context.Context, text string) (store, error) {
	if missing(text) {
		return nil, fmt.Errorf("there is no store %s: the commands' GANGWAY_STORE says where it is", text)
	}
	return openStore(ctx, text, "")
}
