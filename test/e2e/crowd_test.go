package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/local"
)

const (
	crowdSize  = 8               // pull requests; GANGWAY_CROWD says another number
	crowdAt    = 4               // how many people work at once
	killEvery  = 3 * time.Second // each instance in turn
	crowdTime  = time.Minute     // for the work itself, and for each pull request on top
	crowdRests = 2 * time.Minute
)

// A crowd is two instances of each command on one Firestore and one Pub/Sub.
type crowd struct {
	*cloud
	instances [4]*program
	names     [4]string
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{
		cloud: newGoogleCloud(t, "GANGWAY_SWEEP_INTERVAL=5s", "GANGWAY_TERRAFORM_PROCESSES=2"),
		names: [4]string{"webhook", "aggregator", "webhook", "aggregator"},
	}
	for n := range c.instances {
		c.replace(t, n)
	}
	return c
}

// replace starts an instance in the place of one that is gone.
func (c *crowd) replace(t *testing.T, n int) {
	t.Helper()
	c.instances[n] = c.start(t, c.names[n])
	var urls []string
	for _, p := range c.instances {
		if p != nil && p.url != "" && p.running() {
			urls = append(urls, p.url)
		}
	}
	c.front.leadTo(urls...)
}

// Two webhooks and two aggregators share everything, many people work at once, and an instance is killed every few
// seconds: at the end all promises hold.
func TestCrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel()
	size := crowdSize
	if text := os.Getenv("GANGWAY_CROWD"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 {
			t.Fatalf("GANGWAY_CROWD is %q: want a number of pull requests", text)
		}
	}
	c := newCrowd(t)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), crowdTime*time.Duration(1+size))
	defer cancel()
	pulls := make([]local.Pull, size)
	worked := make(chan error, 1)
	go func() { worked <- c.work(ctx, pulls) }()
	kills, err := c.killUntil(t, worked)
	if err != nil {
		for _, p := range pulls {
			if titles, texts := c.comments(t, p); len(titles) > 0 && strings.HasPrefix(titles[0], "❌") {
				t.Log(texts[0])
			}
		}
		t.Fatal(err)
	}
	t.Logf("%d pull requests and %d kills within %s", size, kills, time.Since(began).Round(time.Second))

	c.rests(t, pulls)
	for _, p := range pulls {
		if p.State == "open" {
			c.close(t, p)
		}
	}
	for n := range pulls {
		pulls[n].State = "closed"
	}
	c.rests(t, pulls)
	t.Logf("everything was taken in after %s", time.Since(began).Round(time.Second))
}

// killUntil kills one instance after the other, and starts another in its place, until the work is done.
func (c *crowd) killUntil(t *testing.T, worked <-chan error) (kills int, err error) {
	t.Helper()
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-worked:
			return kills, err
		case <-tick.C:
			victim := kills % len(c.instances)
			if !c.instances[victim].running() {
				t.Errorf("a %s ended by itself: %v", c.names[victim], c.instances[victim].err)
			}
			c.instances[victim].kill()
			c.replace(t, victim)
			kills++
		}
	}
}

// work is what people do: open, push, and close; some at once, some when they have seen the link, some never.
func (c *crowd) work(ctx context.Context, pulls []local.Pull) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(crowdAt)
	for n := range pulls {
		group.Go(func() (err error) {
			if pulls[n], err = c.workOn(ctx, n); err != nil {
				return fmt.Errorf("pull request %d of the crowd (#%d): %w", n, pulls[n].Number, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *crowd) workOn(ctx context.Context, n int) (local.Pull, error) {
	count, err := local.Count()
	if err != nil {
		return local.Pull{}, err
	}
	latest, err := local.Latest()
	if err != nil {
		return local.Pull{}, err
	}
	p, err := c.hub.Open(ctx, fmt.Sprintf("Change %d", n), count)
	if err != nil {
		return p, err
	}
	patient := n%3 != 0
	if patient {
		if _, err := c.hub.AwaitLink(ctx, p.Number, p.HeadSHA, func(string) {}); err != nil {
			return p, err
		}
	}
	if p, err = c.hub.Push(ctx, p.Number, "Add statistics", latest); err != nil {
		return p, err
	}
	if patient && n%3 == 1 {
		return p, nil // stays open
	}
	return c.hub.Close(ctx, p.Number)
}

// rests waits until each pull request has what it should have, and all promises hold.
func (c *crowd) rests(t *testing.T, pulls []local.Pull) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crowdRests+crowdTime*time.Duration(len(pulls))/4)
	defer cancel()
	for _, p := range pulls {
		if p.State != "open" {
			c.takenIn(t, p)
		} else if _, err := c.hub.AwaitLink(ctx, p.Number, p.HeadSHA, func(string) {}); err != nil {
			titles, _ := c.comments(t, p)
			t.Fatalf("#%d at %.7s: %v; it says %v", p.Number, p.HeadSHA, err, titles)
		}
	}
	c.promises(t)
}

// takenIn waits until nothing is left of a closed pull request. One that was closed before there was anything to tell has
// no comment.
func (c *crowd) takenIn(t *testing.T, p local.Pull) {
	t.Helper()
	eventually(t, crowdRests, fmt.Sprintf("#%d is taken in", p.Number), func() []string {
		titles, _ := c.comments(t, p)
		problems := c.differs(t, p, map[string]int{})
		if len(titles) > 1 || len(titles) == 1 && !strings.HasPrefix(titles[0], "🧹") {
			problems = append(problems, titles...)
		}
		return problems
	})
}
