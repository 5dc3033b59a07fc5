package local

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The scenarios of this file make API Gateway slow, for everybody: they don't run beside others.

// Closed during the apply: the apply is finished, and then everything is taken in.
func TestClosedDuringApply(t *testing.T) {
	w := shared(t)
	w.slow(t, object{"config": 1500 * time.Millisecond, "gatewayCreate": time.Second})
	p := w.change(t, version("users", "closed"))
	until(t, "its config is being created", func() (bool, string) { return p.has(p.configs(t), "CREATING") })
	p.close()
	p.removed()
	p.gone()
	for _, done := range []string{"resource=api_config action=create done=true", "resource=gateway action=create done=true"} {
		if w.logged(t, p.key(), "msg=terraform", done) != 1 {
			t.Errorf("the apply was not finished: no %q\n%s", done, w.excerpt(p.number))
		}
	}
	if strings.Contains(p.says("🧹"), "Open the preview") {
		t.Error("the comment still has a link")
	}
}

// A push during the apply: the apply is finished, and one more follows.
func TestPushedDuringApply(t *testing.T) {
	w := shared(t)
	w.slow(t, object{"config": 1500 * time.Millisecond})
	p := w.change(t, version("users", "old"))
	until(t, "its config is being created", func() (bool, string) { return p.has(p.configs(t), "CREATING") })
	p.push(version("users", "new"))
	p.push(version("users", "newer"))
	p.push(version("users", "newest"))
	p.ready()
	p.serves(p.link, "/plans", "newest")
	p.holds()
	if n := w.logged(t, p.key(), `msg="stack applied"`); n > 4 {
		t.Errorf("%d applies for 4 commits", n)
	}
	p.gone()
}

// Reopened while everything is taken in: that is finished, and then the preview is made anew.
func TestReopenedDuringTeardown(t *testing.T) {
	w := shared(t)
	p := w.change(t, version("users", "again"))
	p.ready()
	former := w.logged(t, p.key(), "msg=gateway", "phase=removed")
	w.slow(t, object{"delete": 1200 * time.Millisecond})
	p.close()
	until(t, "its gateway is being deleted", func() (bool, string) { return p.has(p.gateways(t), "DELETING") })
	p.reopen()
	p.ready()
	until(t, "it was removed in between", func() (bool, string) {
		return w.logged(t, p.key(), "msg=gateway", "phase=removed") == former+1, w.excerpt(p.number)
	})
	p.serves(p.link, "/plans", "again")
	p.holds()
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments, want 1", len(ours))
	}
	p.gone()
}

// Closed and reopened again and again: what counts is how it ends.
func TestFlapping(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "flap"))
	p.ready()
	for range 5 {
		p.close()
		p.reopen()
	}
	w.sweeps(t, 1)
	p.ready()
	p.serves(p.link, "/plans", "flap")
	p.holds()
	for range 5 {
		p.close()
		p.reopen()
	}
	p.close()
	p.removed()
	p.gone()
	w.sweeps(t, 1)
	p.gone()
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments, want 1", len(ours))
	}
	if got := p.deployments(); strings.Trim(got, "inactve ") != "" {
		t.Errorf("its deployments are %q, want all inactive", got)
	}
}

// A record of a closed pull request stays closed, whatever comes later: nothing starts again.
func TestNoResurrection(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "late"))
	p.ready()
	p.close()
	p.removed()
	before := len(p.builds())
	for _, topic := range []string{"pull-requests", "previews", "revisions"} {
		for _, message := range []string{
			fmt.Sprintf(`{"version":1,"action":"synchronize","repository_id":%s,"pull_request":%d}`, p.repositoryID(), p.number),
			fmt.Sprintf(`{"version":1,"preview":"%s/%s/%s/%d","generation":99}`, Environment, Gateway, p.repositoryID(), p.number),
		} {
			w.publish(t, topic, message)
		}
	}
	w.sweeps(t, 2)
	p.gone()
	if after := len(p.builds()); after != before {
		t.Errorf("%d builds, there were %d", after, before)
	}
}

// has tells whether one of the pull request's resources is in that state.
func (p *pr) has(list []resource, state string) (ok bool, now string) {
	for _, r := range list {
		if p.owns(r) {
			ok = ok || r.State == state
			now += r.name() + " " + r.State + " "
		}
	}
	return ok, now
}
