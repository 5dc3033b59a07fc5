package terraform

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A worker that is killed while its Terraform runs leaves Terraform's lock of the state in the bucket. Nothing about the lock
// says that its holder is gone, so each run notes beforehand whose it is: the lease on the preview, whose epoch grows with
// each holder. A lock is broken only if
//
//   - it was made by the very process that the note is of, after the note was written;
//   - the note's epoch is ours, which ends with the process that we have waited for, or an earlier one, whose lease has run
//     out or was given back, as we have ours, and longer ago than an interrupted Terraform may take;
//   - it is still that lock: it is deleted in its generation.
//
// A person's lock fits no note and is never broken.

// A holder is the note of who runs Terraform on a stack.
type holder struct {
	Lease  string    `json:"lease"`
	Holder string    `json:"holder"`
	Epoch  int64     `json:"epoch"`
	Who    string    `json:"who"`   // as Terraform has it in its lock
	Began  time.Time `json:"began"` // by the same clock as the lock's Created
}

// A stateLock is Terraform's own note of who holds a state
// (https://github.com/hashicorp/terraform/blob/main/internal/states/statemgr/locker.go).
type stateLock struct {
	ID        string
	Operation string
	Who       string
	Created   time.Time
}

const (
	// graceBeyondDelay is added to Options.WaitDelay, after which an interrupted Terraform is killed: see Options.LockGrace.
	graceBeyondDelay = 12 * time.Second
	// visibleLock is how old a lock is that people are told of.
	visibleLock = 15 * time.Minute
)

// who is what Terraform calls the process that holds a lock.
func who() string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ := os.Hostname()
	return name + "@" + host
}

// claim implements states. Without a lease, nothing is noted and no lock is broken.
func (b *bucket) claim(ctx context.Context, f folder, lease preview.Lease) error {
	if lease.Epoch == 0 {
		return nil
	}
	note, err := b.get(ctx, f.object(holderObject), 0)
	if err != nil {
		return err
	}
	var before holder
	if note.data != nil {
		if err := json.Unmarshal(note.data, &before); err != nil {
			before = holder{} // a note that can't be read is nobody's
		}
	}
	if before.Lease == lease.Name && before.Epoch > lease.Epoch {
		return fmt.Errorf("running Terraform: epoch %d has begun: %w", before.Epoch, preview.ErrLeaseLost)
	}
	if err := b.unlock(ctx, f, before, lease); err != nil {
		return err
	}
	text, err := json.Marshal(holder{
		Lease: lease.Name, Holder: lease.Holder, Epoch: lease.Epoch, Who: who(), Began: time.Now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("noting who runs Terraform: %w", err)
	}
	return b.put(ctx, f.object(holderObject), text, note.generation)
}

// unlock breaks a lock that was left, if there is one.
func (b *bucket) unlock(ctx context.Context, f folder, note holder, lease preview.Lease) error {
	object := f.object(lockObject)
	found, err := b.get(ctx, object, 0)
	if err != nil || found.generation == 0 {
		return err
	}
	var lock stateLock
	if err := json.Unmarshal(found.data, &lock); err != nil {
		lock = stateLock{Who: "somebody unknown"}
	}
	if note.Lease != lease.Name || note.Epoch > lease.Epoch || note.Who != lock.Who || lock.Created.Before(note.Began) {
		return b.foreign(f, lock, found.generation)
	}
	id := fmt.Sprintf("%s#%d", object, found.generation)
	if note.Epoch < lease.Epoch && b.since(id) < b.grace {
		return fmt.Errorf("waiting for the end of a Terraform that %s may still be running: %w", note.Holder, ErrLocked)
	}
	if err := b.remove(ctx, object, found.generation); err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.seen, id)
	b.mu.Unlock()
	b.runner.broken.Inc()
	b.runner.options.Log.WarnContext(ctx, "broke a lock that a killed run has left", "stack", f.prefix, "operation", lock.Operation,
		"who", lock.Who, "created", lock.Created, "generation", found.generation, "holder", note.Holder, "epoch", note.Epoch)
	return nil
}

// since is how long ago a lock was seen first.
func (b *bucket) since(id string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	first, ok := b.seen[id]
	if !ok {
		first = time.Now()
		b.seen[id] = first
	}
	return time.Since(first)
}

// foreign is the error of a lock that is not ours to break. After a while it is one that people are told of; who holds it and
// where it is are for the log, because a pull request may be public.
func (b *bucket) foreign(f folder, lock stateLock, generation int64) error {
	err := fmt.Errorf("gs://%s/%s#%d is locked by %s since %s: %w",
		b.name, f.object(lockObject), generation, lock.Who, lock.Created.Format(time.RFC3339), ErrLocked)
	if time.Since(lock.Created) < visibleLock {
		return err
	}
	return &preview.Obstacle{Cause: err, UserError: preview.UserError{
		Summary: "Terraform's state of this preview is locked",
		Detail:  fmt.Sprintf("Since %s (%s).", lock.Created.UTC().Format("2006-01-02 15:04 MST"), lock.Operation),
		Hint:    "Ask your operator: the aggregator's log says who holds it, and docs/operations.md how it is removed.",
	}}
}
