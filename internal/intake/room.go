package intake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// How many tags are left free, because others set some too, and how long a count holds.
const (
	tagReserve  = 20
	countsFresh = time.Minute
)

// A counter remembers how many traffic tags there are in a region.
type counter struct {
	mu     sync.Mutex
	counts map[place]count
}

type place struct{ project, region string }

type count struct {
	tags int
	read time.Time
}

// gatherRoom finds out whether Cloud Run has room for the tags of a preview that is not live yet. Beyond its limit Cloud Run
// would delete those of others without telling, the oldest first. That it can't be found out stops nobody.
func (i *Intake) gatherRoom(ctx context.Context, s site.Site, w preview.Wanted, facts *preview.IntakeFacts) {
	if facts.Pull == nil || !facts.Pull.Open || len(facts.Changed) == 0 || w.Intent == preview.IntentLive {
		return
	}
	tags, err := i.tags(ctx, place{s.Environment.Project, s.Environment.Region})
	if err != nil {
		i.o.Log.WarnContext(ctx, "counting traffic tags", "preview", s.Key.String(), "error", err)
		return
	}
	if tags+len(facts.Changed) > preview.MaxTags-tagReserve {
		facts.Full = &preview.Block{
			Reason: preview.BlockQuota,
			Detail: fmt.Sprintf("the %d traffic tags of %s are used up", preview.MaxTags, s.Environment.Region),
		}
	}
}

func (i *Intake) tags(ctx context.Context, p place) (int, error) {
	i.counter.mu.Lock()
	known, ok := i.counter.counts[p]
	i.counter.mu.Unlock()
	if ok && time.Since(known.read) < countsFresh {
		return known.tags, nil
	}
	tags, err := i.o.CloudRun.Tags(ctx, p.project, p.region)
	if err != nil {
		return 0, err
	}
	i.counter.mu.Lock()
	defer i.counter.mu.Unlock()
	if i.counter.counts == nil {
		i.counter.counts = map[place]count{}
	}
	i.counter.counts[p] = count{tags: tags, read: time.Now()}
	return tags, nil
}
