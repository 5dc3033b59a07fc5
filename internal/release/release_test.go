package release_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/release"
)

func TestTraffic(t *testing.T) {
	t.Parallel()
	// An entry may have a share and a tag at once.
	list := release.Traffic{Targets: []release.Target{
		{Revision: "n", Percent: 70, Tag: "blue"}, {Revision: "n", Percent: 20}, {Revision: "c", Percent: 10}, {Revision: "p", Tag: "pr-7"},
	}}
	got, err := list.Split("c", "n", 25)
	want := []release.Target{{Revision: "n", Percent: 75}, {Revision: "c", Percent: 25}, {Revision: "n", Tag: "blue"}, {Revision: "p", Tag: "pr-7"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	got, err = list.Split("c", "n", 100)
	want = []release.Target{{Revision: "c", Percent: 100}, {Revision: "n", Tag: "blue"}, {Revision: "p", Tag: "pr-7"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if list.Tagged("pr-7") != "p" || list.Tagged("") != "" || list.Share("n") != 90 {
		t.Error("shares or tags are read wrongly")
	}
	foreign := release.Traffic{Targets: []release.Target{{Revision: "n", Percent: 60}, {Revision: "x", Percent: 30}, {Revision: "c", Percent: 10}}}
	if _, err := foreign.Split("c", "n", 50); !errors.Is(err, release.ErrForeign) || !strings.Contains(err.Error(), "x 30 %") {
		t.Errorf("%v", err)
	}
	got, err = foreign.Withdraw("c", "n")
	if diff := cmp.Diff([]release.Target{{Revision: "n", Percent: 70}, {Revision: "x", Percent: 30}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	latest := release.Traffic{Targets: []release.Target{{Percent: 100}, {Revision: "n", Tag: "x"}}}
	for what, err := range map[string]error{
		"sole": second(latest.Sole()), "split": second(latest.Split("c", "n", 1)), "withdraw": second(latest.Withdraw("c", "n")),
	} {
		if !errors.Is(err, release.ErrLatest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"the same":    second(list.Split("n", "n", 10)),
		"none":        second(list.Split("c", "", 10)),
		"over 100":    second(list.Split("c", "n", 101)),
		"withdraw":    second(list.Withdraw("n", "n")),
		"two serve":   second(list.Sole()),
		"nobody does": second(release.Traffic{}.Sole()),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzTraffic changes any list: shares sum to what they did, those of others and all tags are as before.
func FuzzTraffic(f *testing.F) {
	f.Add([]byte(`[{"revision":"n","percent":90},{"revision":"c","percent":10,"tag":"rc"},{"revision":"p","tag":"pr-7"}]`), 50)
	f.Add([]byte(`[{"revision":"n","percent":50},{"revision":"n","percent":50,"tag":"a"}]`), 0)
	f.Fuzz(func(t *testing.T, data []byte, percent int) {
		var list []release.Target
		if json.Unmarshal(data, &list) != nil {
			return
		}
		before := release.Traffic{Targets: list}
		total := 0
		for n := range list {
			list[n].Percent = max(0, min(list[n].Percent, 100))
			total += list[n].Percent
		}
		for what, change := range map[string]func() ([]release.Target, error){
			"split":    func() ([]release.Target, error) { return before.Split("c", "n", percent) },
			"withdraw": func() ([]release.Target, error) { return before.Withdraw("c", "n") },
		} {
			got, err := change()
			if err != nil {
				continue
			}
			after, sum := release.Traffic{Targets: got}, 0
			var was, is []string
			for _, target := range list {
				if target.Tag != "" {
					was = append(was, target.Tag+" "+target.Revision)
				}
				if r := target.Revision; r != "c" && r != "n" && before.Share(r) != after.Share(r) {
					t.Errorf("%s: %s had %d and has %d", what, r, before.Share(r), after.Share(r))
				}
			}
			for _, target := range got {
				if sum += target.Percent; target.Tag != "" {
					is = append(is, target.Tag+" "+target.Revision)
				}
			}
			if sum != total || !cmp.Equal(was, is) {
				t.Errorf("%s of %s: %v", what, data, got)
			}
		}
	})
}

func TestJudge(t *testing.T) {
	t.Parallel()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for name, tt := range map[string]struct {
		candidate, baseline release.Window
		want                release.Verdict
		says                string
	}{
		"as good":           {release.Window{Requests: 100, Errors: 1, P95: ms(100)}, release.Window{Requests: 900, Errors: 9, P95: ms(90)}, release.Good, "1 of 100 requests failed (1 %), of the baseline's 9 of 900 (1 %)"},
		"fails":             {release.Window{Requests: 100, Errors: 3}, release.Window{Requests: 900, Errors: 9}, release.Bad, "3 of 100 requests failed (3 %), of the baseline's 9 of 900 (1 %): more than 1 % worse"},
		"both fail":         {release.Window{Requests: 100, Errors: 50}, release.Window{Requests: 900, Errors: 450}, release.Good, ""},
		"slow":              {release.Window{Requests: 100, P95: ms(300)}, release.Window{Requests: 900, P95: ms(100)}, release.Bad, "95 % of the requests took up to 300ms, of the baseline's up to 100ms: more than 2 times as long"},
		"slow in no matter": {release.Window{Requests: 100, P95: ms(12)}, release.Window{Requests: 900, P95: ms(2)}, release.Good, ""},
		"few":               {release.Window{Requests: 9, Errors: 9}, release.Window{Requests: 900}, release.Little, "9 requests, of the 10 that are needed to judge"},
		"none":              {release.Window{}, release.Window{}, release.Little, ""},
		"no baseline":       {release.Window{Requests: 10, Errors: 1, P95: ms(900)}, release.Window{Requests: 3, Errors: 3, P95: ms(1)}, release.Bad, "more than 1 % worse"},
		"slow, no baseline": {release.Window{Requests: 10, P95: ms(900)}, release.Window{Requests: 3, P95: ms(1)}, release.Good, ""},
	} {
		if got, says := release.Judge(tt.candidate, tt.baseline, limits()); got != tt.want || !strings.Contains(says, tt.says) {
			t.Errorf("%s: %s, %s", name, got, says)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for name, p := range policies() {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := policies()["asked"]
	for want, change := range map[string]func(*release.Policy){
		"larger than the one before":       func(p *release.Policy) { p.Steps = []int{5, 5, 100} },
		"none over 100":                    func(p *release.Policy) { p.Steps = []int{5, 101} },
		"the last one has to be 100":       func(p *release.Policy) { p.Steps = []int{5, 50} },
		"has to be 100":                    func(p *release.Policy) { p.Steps = nil },
		"can't be negative":                func(p *release.Policy) { p.Keep = -1 },
		"so it can't wait for requests":    func(p *release.Policy) { p.MaxWait = 0 },
		"limits: at least one request":     func(p *release.Policy) { p.Limits.Requests = 0 },
		"an error rate from 0 to 1, a lat": func(p *release.Policy) { p.Limits.ErrorRate = 1.5 },
	} {
		p := good
		change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestKeyAndState(t *testing.T) {
	t.Parallel()
	if k, err := release.ParseKey(line.String()); err != nil || k != line {
		t.Errorf("%v, %v", k, err)
	}
	for _, text := range []string{"", "production", "production/", "a/b/c", "Production/orders", "production/-x"} {
		if k, err := release.ParseKey(text); err == nil {
			t.Errorf("%q is %v", text, k)
		}
	}
	for _, body := range []string{"{", `{"version":2}`, `{"version":0}`, `[]`} {
		if _, err := release.Decode([]byte(body)); !errors.Is(err, preview.ErrUnreadable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A line of one day: what waits, what is superseded, what is kept, what comes late.
func TestDecide(t *testing.T) {
	t.Parallel()
	policy := policies()["asked"]
	now := epoch
	var s release.State
	list := release.Traffic{Etag: "1", Targets: []release.Target{{Revision: "n", Percent: 100}}}
	decide := func(f release.Facts) []release.Action {
		t.Helper()
		now = now.Add(tick)
		f.Policy, f.Traffic = policy, &list
		var actions []release.Action
		s, actions, _ = release.Decide(line, s, f, now)
		return actions
	}
	request := func(commit string, n int) release.Facts {
		return release.Facts{Requests: []release.Request{{Commit: commit, At: epoch.Add(time.Duration(n) * time.Hour)}}}
	}
	list.Targets[0].Revision = ""
	decide(request("aaaaaaa", 1))
	if s.Current != nil || !strings.Contains(s.Blocked, "gangway pin orders") {
		t.Errorf("with LATEST: %+v", s)
	}
	list.Targets[0].Revision = "n"
	if got := kinds(decide(release.Facts{})); !cmp.Equal(got, []release.Kind{release.Build}) || s.Blocked != "" || s.Current.Baseline != "n" {
		t.Errorf("%v, %+v", got, s)
	}
	decide(request("bbbbbbb", 3))
	if s.Current.Outcome != release.Superseded || s.Current.Phase != release.PhaseClosing || s.Waiting.Commit != "bbbbbbb" {
		t.Errorf("%+v, waiting %+v", s.Current, s.Waiting)
	}
	decide(release.Facts{Closed: true})
	if s.Current.Request.Commit != "bbbbbbb" || s.History[0].Outcome != release.Superseded {
		t.Errorf("%+v", s)
	}
	if decide(request("ccccccc", 2)); s.Waiting != nil {
		t.Errorf("an older commit that comes late waits: %+v", s.Waiting)
	}
	decide(release.Facts{Built: &release.Built{Image: "i"}, Deployed: &release.Deployed{Revision: "c", Tag: "rc"}, Opened: &release.Opened{Hostname: "qa"}})
	decide(release.Facts{Verified: &release.Verified{Checks: []release.Check{{Name: "ready", OK: true}}, Breaking: true}})
	promote := release.Command{ID: "1", Order: release.Promote, By: "ada", At: now}
	if got := decide(release.Facts{Commands: []release.Command{promote}}); len(got) > 0 {
		t.Errorf("a breaking change is released without anybody's accepting that: %v", got)
	}
	got := decide(release.Facts{Commands: []release.Command{promote, {ID: "2", Order: release.Accept, By: "ada"}}})
	want := []release.Action{{Kind: release.Shift, Etag: "1", Targets: []release.Target{{Revision: "n", Percent: 75}, {Revision: "c", Percent: 25}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if decide(request("ddddddd", 4)); s.Current.Request.Commit != "bbbbbbb" || s.Waiting.Commit != "ddddddd" {
		t.Errorf("what has traffic makes way: %+v", s.Current)
	}
	list.Targets = want[0].Targets
	decide(release.Facts{})
	now = now.Add(time.Minute)
	decide(release.Facts{Measured: &release.Measured{From: s.Current.Stepped, To: now, Candidate: release.Window{Requests: 50}}})
	list.Targets = []release.Target{{Revision: "c", Percent: 100}}
	decide(release.Facts{})
	if s.Current.Outcome != release.Released || len(s.Current.Figures) != 1 || s.Current.Figures[0].Share != 25 {
		t.Errorf("%+v", s.Current)
	}
	s.Waiting = nil
	decide(release.Facts{Closed: true})
	if s.Previous == nil || s.Previous.Revision != "n" {
		t.Fatalf("%+v", s)
	}
	got = decide(release.Facts{Commands: []release.Command{{ID: "3", Order: release.Rollback, By: "ada"}}})
	if len(got) != 1 || got[0].Kind != release.Shift || got[0].Targets[0] != (release.Target{Revision: "n", Percent: 100}) {
		t.Errorf("going back after the end: %+v", got)
	}
}
