package terraform

import (
	"context"
	"iter"

	"github.com/gangway-dev/gangway/internal/preview"
)

// states is where the backend of the stacks keeps their states: what Terraform itself does not offer is done there
// directly. Nothing of it is a Terraform process, so it is fast.
type states interface {
	savedStates
	unsavedStates
	// claim makes a stack ours for a run on behalf of lease: a lock that an earlier holder of the lease has left is
	// broken. The error wraps ErrLocked when somebody else holds it, preview.ErrLeaseLost when the lease is not the newest.
	claim(ctx context.Context, f folder, lease preview.Lease) error
}

// savedStates are those that Terraform has saved.
type savedStates interface {
	// read returns the state of a stack; without data when there is none.
	read(ctx context.Context, f folder) (kept, error)
	// earlier are former states of a stack, the newest first.
	earlier(ctx context.Context, f folder) iter.Seq2[[]byte, error]
	// replace writes data instead of a damaged state, which stays where people find it. nil data leaves none.
	replace(ctx context.Context, f folder, damaged kept, data []byte) error
	// forget removes all that is kept of a stack, whose state is k.
	forget(ctx context.Context, f folder, k kept) error
	// list returns the stacks of which anything is kept.
	list(ctx context.Context) ([]preview.Key, error)
}

// unsavedStates are those that a run could not save.
type unsavedStates interface {
	// unsaved is the one of a stack; nil without one.
	unsaved(ctx context.Context, f folder) ([]byte, error)
	keepUnsaved(ctx context.Context, f folder, data []byte) error
	dropUnsaved(ctx context.Context, f folder) error
	// shelveUnsaved puts it aside, for people who look for it, under its name with a suffix.
	shelveUnsaved(ctx context.Context, f folder, data []byte, suffix string) error
}

// kept is a state as it is kept.
type kept struct {
	data       []byte // nil: there is none
	generation int64  // of the object in a bucket
}
