package release

import (
	"math"
	"strings"
	"testing"
	"time"
)

var testPolicy = Policy{
	Steps: []int{5, 50, 100}, Pause: 10 * time.Minute, Window: 5 * time.Minute, MaxWait: 20 * time.Minute, Probes: true, MinRequests: 100,
	KeepPrevious: time.Hour, MaxErrorRate: 0.05, MaxErrorIncrease: 0.01, MaxSlowdown: 1.5, IgnoredSlowdown: 20 * time.Millisecond,
}

func TestJudge(t *testing.T) {
	ms := time.Millisecond
	base := Window{Requests: 2000, Failed: 2, P95: 100 * ms, P99: 200 * ms}
	for name, c := range map[string]struct {
		candidate, baseline Window
		want                Outcome
		says                string
	}{
		"as before":                       {Window{200, 0, 100 * ms, 200 * ms}, base, OutcomeGood, "0 of 200 requests failed"},
		"more errors than before":         {Window{200, 3, 100 * ms, 200 * ms}, base, OutcomeBad, "1.5 % of the requests failed, of the last good revision's 0.1 %"},
		"as many errors as are allowed":   {Window{1000, 11, 100 * ms, 200 * ms}, base, OutcomeGood, "11 of 1000"},
		"above what is ever allowed":      {Window{200, 11, 0, 0}, Window{2000, 200, 0, 0}, OutcomeBad, "11 of 200 requests failed (5.5 %)"},
		"slower at p95":                   {Window{200, 0, 151 * ms, 200 * ms}, base, OutcomeBad, "95 % of the requests took up to 151ms"},
		"slower at p99":                   {Window{200, 0, 100 * ms, 301 * ms}, base, OutcomeBad, "99 % of"},
		"twice as slow, but not by much":  {Window{200, 0, 20 * ms, 30 * ms}, Window{2000, 0, 10 * ms, 15 * ms}, OutcomeGood, ""},
		"no requests":                     {Window{}, base, OutcomeScant, "0 requests; 100 are needed"},
		"too few":                         {Window{99, 5, 0, 0}, base, OutcomeScant, "99 requests"},
		"few, and all of them failed":     {Window{6, 6, 0, 0}, base, OutcomeBad, "6 of 6 requests failed"},
		"no baseline":                     {Window{200, 9, time.Minute, time.Minute}, Window{}, OutcomeGood, "too few requests for a comparison"},
		"figures that can't be":           {Window{200, 300, 0, 0}, base, OutcomeScant, "can't be right"},
		"a baseline whose figures aren't": {Window{200, 4, 0, 0}, Window{2000, -1, 0, 0}, OutcomeGood, "comparison"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(c.candidate, c.baseline, testPolicy)
			if v.Outcome != c.want || !strings.Contains(v.Says, c.says) {
				t.Errorf("Judge = %s: %s; want %s: …%s…", v.Outcome, v.Says, c.want, c.says)
			}
		})
	}
}

func TestPolicyValidate(t *testing.T) {
	if err := testPolicy.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Policy)
		says   string
	}{
		"no steps":         {func(p *Policy) { p.Steps = nil }, "steps: at least one"},
		"falling":          {func(p *Policy) { p.Steps = []int{5, 5, 100} }, "5 after 5"},
		"not to the end":   {func(p *Policy) { p.Steps = []int{5, 50} }, "the last has to be 100"},
		"nothing":          {func(p *Policy) { p.Steps = []int{0, 100} }, "0 is no percentage"},
		"blind":            {func(p *Policy) { p.MinRequests = 0 }, "min requests"},
		"no window":        {func(p *Policy) { p.Window = 0 }, "window"},
		"not a number":     {func(p *Policy) { p.MaxErrorRate = math.NaN() }, "max error rate"},
		"a percentage":     {func(p *Policy) { p.MaxErrorRate = 5 }, "max error rate: 5"},
		"faster":           {func(p *Policy) { p.MaxSlowdown = 0.5 }, "max slowdown"},
		"several at once":  {func(p *Policy) { p.Pause, p.KeepPrevious = -1, -1 }, "pause: -1ns is negative\nkeep previous"},
		"endless increase": {func(p *Policy) { p.MaxErrorIncrease = math.NaN() }, "max error increase"},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPolicy
			c.change(&p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Validate = %v; want …%s…", err, c.says)
			}
		})
	}
}
