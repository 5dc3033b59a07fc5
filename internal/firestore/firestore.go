// Package firestore keeps previews in Cloud Firestore in native mode: one small document for each row and one for each
// lease, so that what concerns different previews never contends. Instances anywhere may share a database. It is the only
// place that knows the client library.
//
// Rows are in the collection gangway-rows, leases in gangway-leases. The index that the queries need, the fields that must
// not be indexed because of their size, and the field by which Firestore forgets old leases are in indexes.json, in the form
// that the Firebase CLI deploys.
package firestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// The collections.
const (
	rowsName   = "gangway-rows"
	leasesName = "gangway-leases"
)

// Options say which database.
type Options struct {
	Project  string
	Database string // "" is (default)
	// Endpoint is host:port of an emulator, reached without TLS or credentials; "" is Google Cloud (or whatever
	// FIRESTORE_EMULATOR_HOST says, which the client library reads itself).
	Endpoint string
}

// Store is a [preview.Store] in one database. It is safe for concurrent use.
type Store struct {
	client *firestore.Client
	rows   *firestore.CollectionRef
	leases *firestore.CollectionRef
	marks  *marker
	now    func() time.Time
}

// Open connects to the database. It does not wait for the connection: a far end that is down, or a database that does not
// exist, shows in the first call; see [Store.Ping].
func Open(ctx context.Context, o Options) (*Store, error) {
	var options []option.ClientOption
	if o.Endpoint != "" {
		options = append(options,
			option.WithEndpoint(o.Endpoint),
			option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	}
	if o.Database == "" {
		o.Database = firestore.DefaultDatabaseID
	}
	client, err := firestore.NewClientWithDatabase(ctx, o.Project, o.Database, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to firestore: %w", err)
	}
	s := &Store{
		client: client, rows: client.Collection(rowsName), leases: client.Collection(leasesName), now: time.Now,
	}
	s.marks = &marker{write: s.writeMarks, pause: markPause, lines: map[markName]*batch{}}
	return s, nil
}

// Close disconnects.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("disconnecting from firestore: %w", err)
	}
	return nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := s.leases.Doc("ping").Get(ctx)
	if err := notFoundIsNone(found, err); err != nil {
		return fmt.Errorf("reading from firestore: %w", canceled(ctx, err))
	}
	return nil
}

// notFoundIsNone takes the error away that the library makes of a document that does not exist. The one about a database
// that does not exist comes without a snapshot.
func notFoundIsNone(found *firestore.DocumentSnapshot, err error) error {
	if found != nil && status.Code(err) == codes.NotFound {
		return nil
	}
	return err
}

const (
	// patience bounds a call, with all its attempts: nobody should work on under a lease while Firestore is silent.
	patience = 10 * time.Second
	// listing bounds a query.
	listing = time.Minute

	// markPause is long beside what a save takes from reading to writing.
	markPause = 100 * time.Millisecond

	attempts   = 10
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

// try runs call until it succeeds or fails for good, a bounded number of times. After Unavailable the outcome is unknown, so
// that call must bear being repeated. https://cloud.google.com/firestore/docs/understand-error-codes
func try(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := call(ctx)
		if attempt == attempts || !passes(err) {
			return canceled(ctx, err)
		}
		select {
		case <-ctx.Done():
			return canceled(ctx, err)
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter
		}
		pause = min(2*pause, lastPause)
	}
}

// passes tells whether an error may be gone the next time: Firestore was away, or somebody else's write came between our
// reading and our writing ([codes.AlreadyExists] and [codes.NotFound] are about the document then).
func passes(err error) bool {
	switch status.Code(err) {
	case codes.Aborted, codes.Unavailable, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound:
		return true
	default:
		return false
	}
}

// unchanged is the condition that a document is as it was read. All writes that follow from a reading are made under
// it, and no transactions that read: their locks would stay for a minute when an instance is killed in the middle
// (https://firebase.google.com/docs/firestore/transaction-data-contention), and keep others from taking its leases over.
func unchanged(found *firestore.DocumentSnapshot) firestore.Precondition {
	return firestore.LastUpdateTime(found.UpdateTime)
}

// canceled makes the end of ctx visible to [errors.Is]: the library's error only tells it as a status.
func canceled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}
