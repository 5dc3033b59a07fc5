package e2e

import (
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The far ends are killed while one preview is live and another is being built. Nothing of them outlives it, and the next
// start goes on where they were.
func TestKillEmulate(t *testing.T) {
	t.Parallel()
	c := newRunningCloud(t)
	first := c.open(t)
	url := c.ready(t, first, "/orders", `"count"`)
	reached := duringBuild(t, c)
	second := c.open(t)
	reached(t, second)
	if processes := processesOf(t, c.emulateDir()); len(processes) < 2 {
		t.Errorf("the far ends should have processes of revisions and builds, there are %v", processes)
	}

	c.emulate.kill()
	c.gone(t)

	before := maps.Clone(c.far)
	c.startEmulate(t)
	if !maps.Equal(before, c.far) {
		t.Errorf("the far ends are at %v, they were at %v", c.far, before)
	}
	eventually(t, restTime, "the link answers again", func() []string {
		status, body, err := get(t.Context(), url+"/orders")
		if err != nil || status != http.StatusOK || !strings.Contains(body, `"count"`) {
			return []string{body}
		}
		return nil
	})
	c.ready(t, second, "/orders", `"count"`)
	first = c.push(t, first)
	c.ready(t, first, "/statistics", `"orders"`)
	c.close(t, first)
	c.close(t, second)
	c.removed(t, first)
	c.removed(t, second)
}

// gone waits until no process of the far ends is left.
func (c *cloud) gone(t *testing.T) {
	t.Helper()
	noProcess(t, c.emulateDir())
}

// goneTime is how long supervisors may take to end what they supervise.
const goneTime = 10 * time.Second

func noProcess(t *testing.T, dir string) {
	t.Helper()
	eventually(t, goneTime, "no process is left of "+filepath.Base(dir), func() []string {
		var left []string
		for _, command := range processesOf(t, dir) {
			left = append(left, command)
		}
		return left
	})
}

// Each role may run alone.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	receive := c.start(t, "webhook", "--role", "receive")
	intake := c.start(t, "webhook", "--role", "intake")
	intake.says(t, `msg="taking hints in"`)
	c.start(t, "aggregator")
	p := c.open(t)
	c.ready(t, p, "/orders", `"count"`)
	if strings.Contains(receive.text(), "preview=") {
		t.Error("the role receive has worked on a preview")
	}
	if strings.Contains(intake.text(), "msg=receiving") {
		t.Error("the role intake listens")
	}
	// The one that takes deliveries in needs no other: what it has published waits.
	intake.kill()
	p = c.push(t, p)
	c.start(t, "webhook", "--role", "intake")
	c.ready(t, p, "/statistics", `"orders"`)
	c.close(t, p)
	c.removed(t, p)
}
