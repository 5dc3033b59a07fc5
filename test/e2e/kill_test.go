package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/local"
)

// fastGateways are API Gateway's latencies when nothing is to be slow.
var fastGateways = object{
	"config": 40 * time.Millisecond, "gatewayCreate": 40 * time.Millisecond, "gatewayUpdate": 30 * time.Millisecond,
	"delete": 10 * time.Millisecond,
}

// slow makes operations of API Gateway take that long.
func (c *cloud) slow(t *testing.T, operation string, d time.Duration) {
	t.Helper()
	call(t, http.MethodPatch, c.world.APIGateway+"/emulator/apigateway/settings", object{"latency": object{operation: d}}, nil)
}

// until looks until something is seen.
func until(t *testing.T, what string, seen func() bool) {
	t.Helper()
	eventually(t, readyTime, what, func() []string {
		if seen() {
			return nil
		}
		return []string{"not seen"}
	})
}

// A point is a point of a pull request's life. prepare makes the far ends such that it can be hit, and returns what waits
// for it.
type point struct {
	name    string
	closing bool // the pull request is closed when the point comes; else it is opened
	prepare func(*testing.T, *cloud) (reached func(*testing.T, local.Pull))
}

func points() []point {
	return []point{
		{name: "after the answer to the delivery", prepare: afterAnswer},
		{name: "during the build", prepare: duringBuild},
		{name: "during the deployment", prepare: duringDeployment},
		{name: "while the config is created", prepare: duringApply("config", (*cloud).configs)},
		{name: "while the gateway is created", prepare: duringApply("gatewayCreate", (*cloud).gateways)},
		{name: "before the comment", prepare: beforeComment},
		{name: "after a comment that nobody noted", prepare: afterComment},
		{name: "after the answer to the closing", closing: true, prepare: afterAnswer},
		{name: "during the removal", closing: true, prepare: duringRemoval},
	}
}

func afterAnswer(_ *testing.T, c *cloud) func(*testing.T, local.Pull) {
	answered := c.front.hold()
	return func(t *testing.T, _ local.Pull) {
		select {
		case <-answered:
		case <-time.After(readyTime):
			t.Fatal("the delivery was not answered with 202")
		}
	}
}

func duringBuild(_ *testing.T, c *cloud) func(*testing.T, local.Pull) {
	return func(t *testing.T, p local.Pull) {
		until(t, "a running build", func() bool {
			builds := c.builds(t, p)
			return len(builds) > 0 && builds[0].Status == "WORKING"
		})
	}
}

func duringDeployment(t *testing.T, c *cloud) func(*testing.T, local.Pull) {
	call(t, http.MethodPut, c.world.CloudRun+"/emulator/faults", object{"readiness_delay": "2s"}, nil)
	return func(t *testing.T, p local.Pull) {
		until(t, "a revision that is not ready", func() bool {
			for _, r := range c.revisions(t, p) {
				for _, condition := range r.Conditions {
					if condition.Type == "Ready" && condition.State != "CONDITION_SUCCEEDED" {
						return true
					}
				}
			}
			return false
		})
	}
}

func duringApply(operation string, resources func(*cloud, *testing.T, local.Pull) []resource) func(*testing.T, *cloud) func(*testing.T, local.Pull) {
	return func(t *testing.T, c *cloud) func(*testing.T, local.Pull) {
		c.slow(t, operation, 2*time.Second)
		return func(t *testing.T, p local.Pull) {
			until(t, "a creation under way", func() bool {
				found := resources(c, t, p)
				return len(found) > 0 && found[0].State == "CREATING"
			})
		}
	}
}

const commentPath = "/repos/" + local.Repository + "/issues/"

func beforeComment(t *testing.T, c *cloud) func(*testing.T, local.Pull) {
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		call(t, http.MethodPost, c.github()+"/emulator/faults",
			object{"method": method, "path": commentPath, "count": 100_000, "kind": "server_error"}, nil)
	}
	left := func(t *testing.T) (n int) {
		var faults []struct {
			Count int `json:"count"`
		}
		call(t, http.MethodGet, c.github()+"/emulator/faults", nil, &faults)
		for _, f := range faults {
			n += f.Count
		}
		return n
	}
	return func(t *testing.T, p local.Pull) {
		until(t, "an active gateway", func() bool {
			found := c.gateways(t, p)
			return len(found) > 0 && found[0].State == "ACTIVE"
		})
		before := left(t)
		until(t, "a comment that is refused", func() bool { return left(t) < before })
	}
}

// afterComment lets the comment be written, but not the aggregator know.
func afterComment(t *testing.T, c *cloud) func(*testing.T, local.Pull) {
	call(t, http.MethodPost, c.github()+"/emulator/faults",
		object{"method": http.MethodPost, "path": commentPath, "kind": "unknown_outcome"}, nil)
	return func(t *testing.T, p local.Pull) {
		until(t, "the comment", func() bool {
			titles, _ := c.comments(t, p)
			return len(titles) > 0
		})
	}
}

func duringRemoval(t *testing.T, c *cloud) func(*testing.T, local.Pull) {
	c.slow(t, "delete", 2*time.Second)
	return func(t *testing.T, p local.Pull) {
		until(t, "a deletion under way", func() bool {
			found := c.gateways(t, p)
			return len(found) > 0 && found[0].State == "DELETING"
		})
	}
}

// Whichever command is killed at whatever point: after it was started again, all promises hold.
func TestKill(t *testing.T) {
	for _, victim := range []string{"webhook", "aggregator"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			c := newRunningCloud(t)
			for _, p := range points() {
				t.Run(p.name, func(t *testing.T) { c.survives(t, victim, p) })
			}
		})
	}
}

func (c *cloud) survives(t *testing.T, victim string, at point) {
	var p local.Pull
	if at.closing {
		p = c.open(t)
		c.ready(t, p, "/orders", `"count"`)
	}
	reached := at.prepare(t, c)
	if at.closing {
		c.close(t, p)
	} else {
		p = c.open(t)
	}
	reached(t, p)
	c.kill(victim)
	c.front.release()
	c.calm(t)
	c.start(t, victim)
	if !at.closing {
		c.ready(t, p, "/orders", `"count"`)
		c.close(t, p)
	}
	c.removed(t, p)
}

// Cloud Run asks an instance to end and kills it ten seconds later. An apply takes longer.
func TestStopDuringApply(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	t.Parallel()
	const creation, grace = 25 * time.Second, 10 * time.Second
	c := newRunningCloud(t, "GANGWAY_PROVIDER_POLL=1s")
	reached := duringApply("config", (*cloud).configs)(t, c)
	c.slow(t, "config", creation)
	p := c.open(t)
	reached(t, p)
	aggregator := c.commands["aggregator"]
	aggregator.signal(syscall.SIGTERM)
	if aggregator.await(grace) {
		t.Logf("the aggregator ended by itself: %v", aggregator.err)
	} else {
		aggregator.kill()
	}
	c.start(t, "aggregator")
	c.ready(t, p, "/orders", `"count"`)
	c.calm(t)
	c.close(t, p)
	c.removed(t, p)
}
