package release

import (
	"errors"
	"fmt"
	"time"
)

// A Policy says how the releases of an environment go. It comes from the operator's configuration.
type Policy struct {
	Automatic             bool // what was verified is rolled out without a person's approval
	BreakingNeedsApproval bool // a breaking change of the API needs an approval of its own, also where Automatic
	ManagedGateway        bool // the environment's own gateway is kept in step with what serves

	Steps        []int         // the candidate's percentages, strictly increasing, the last 100
	Pause        time.Duration // how long a step lasts at least
	Window       time.Duration // over which figures are compared
	MaxWait      time.Duration // beyond the window, until there are enough requests, or a person is asked
	Probes       bool          // too little traffic is made up for by synthetic requests
	MinRequests  int64         // of the candidate in a window; fewer say nothing
	KeepPrevious time.Duration // how long the revision before stays within reach after a release; 0 is not at all

	MaxErrorRate     float64       // share of failed requests, 0 to 1, at most
	MaxErrorIncrease float64       // by how much that share may be above the last good revision's
	MaxSlowdown      float64       // by which factor p95 and p99 may be above the last good revision's; 0 compares none
	IgnoredSlowdown  time.Duration // a difference up to this is never too much
}

// Validate says all that is wrong with the policy.
func (p Policy) Validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(p.Steps) == 0, "steps: at least one is needed; [100] gives the candidate all traffic at once")
	for i, percent := range p.Steps {
		wrong(percent < 1 || percent > 100, "steps: %d is no percentage between 1 and 100", percent)
		wrong(i > 0 && percent <= p.Steps[i-1], "steps: %d after %d; each has to be larger than the one before", percent, p.Steps[max(i, 1)-1])
	}
	wrong(len(p.Steps) > 0 && p.Steps[len(p.Steps)-1] != 100, "steps: the last has to be 100")
	wrong(p.Pause < 0, "pause: %s is negative", p.Pause)
	wrong(p.Window <= 0, "window: %s; figures can only be compared over some time", p.Window)
	wrong(p.MaxWait < 0, "max wait: %s is negative", p.MaxWait)
	wrong(p.MinRequests < 1, "min requests: %d; without a request nothing is known of a candidate", p.MinRequests)
	wrong(p.KeepPrevious < 0, "keep previous: %s is negative", p.KeepPrevious)
	wrong(!(p.MaxErrorRate >= 0 && p.MaxErrorRate < 1), "max error rate: %v; want at least 0 and less than 1", p.MaxErrorRate)
	wrong(!(p.MaxErrorIncrease >= 0 && p.MaxErrorIncrease <= 1), "max error increase: %v; want 0 to 1", p.MaxErrorIncrease)
	wrong(p.MaxSlowdown != 0 && !(p.MaxSlowdown >= 1), "max slowdown: %v; want a factor of at least 1, or 0 for none", p.MaxSlowdown)
	wrong(p.IgnoredSlowdown < 0, "ignored slowdown: %s is negative", p.IgnoredSlowdown)
	return errors.Join(errs...)
}

// A Span is a time from (including) to (excluding).
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// A Window is what Cloud Monitoring says of a revision in a span: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
type Window struct {
	Requests int64         `json:"requests"`
	Failed   int64         `json:"failed"` // answered with 5xx
	P95      time.Duration `json:"p95"`
	P99      time.Duration `json:"p99"`
}

// Rate is the share of requests that failed.
func (w Window) Rate() float64 {
	if w.Requests <= 0 {
		return 0
	}
	return float64(w.Failed) / float64(w.Requests)
}

// An Outcome is what figures say of a candidate.
type Outcome string

// The outcomes.
const (
	OutcomeGood  Outcome = "good"
	OutcomeBad   Outcome = "bad"
	OutcomeScant Outcome = "scant" // too little traffic to tell
)

// A Verdict is an outcome with the figures that decided it.
type Verdict struct {
	Outcome   Outcome   `json:"outcome"`
	Says      string    `json:"says"` // one sentence: what decided
	Candidate Window    `json:"candidate"`
	Baseline  Window    `json:"baseline"`
	Step      int       `json:"step"` // index in the plan
	Percent   int       `json:"percent"`
	Span      Span      `json:"span"`
	At        time.Time `json:"at"`
	By        string    `json:"by,omitempty"` // the person who decided instead of figures
}

// Judge compares a candidate with the last good revision. As many failures as can't be made good again within
// MinRequests are bad however few requests there were; apart from that too few say nothing. Where the baseline has too few
// for a comparison, only MaxErrorRate decides.
func Judge(candidate, baseline Window, p Policy) Verdict {
	v := Verdict{Outcome: OutcomeBad, Candidate: candidate, Baseline: baseline}
	allowed := p.MaxErrorRate * float64(max(candidate.Requests, p.MinRequests))
	comparable := baseline.Requests >= p.MinRequests && baseline.valid()
	switch {
	case !candidate.valid():
		v.Outcome, v.Says = OutcomeScant, "The figures of the candidate can't be right: they are not counted."
	case float64(candidate.Failed) > allowed:
		v.Says = fmt.Sprintf("%d of %d requests failed (%s); at most %s may.",
			candidate.Failed, candidate.Requests, percent(candidate.Rate()), percent(p.MaxErrorRate))
	case candidate.Requests < p.MinRequests:
		v.Outcome = OutcomeScant
		v.Says = fmt.Sprintf("The candidate had %d requests; %d are needed to tell.", candidate.Requests, p.MinRequests)
	case comparable && candidate.Rate() > baseline.Rate()+p.MaxErrorIncrease:
		v.Says = fmt.Sprintf("%s of the requests failed, of the last good revision's %s; at most %s more may.",
			percent(candidate.Rate()), percent(baseline.Rate()), percent(p.MaxErrorIncrease))
	case comparable && p.tooSlow(candidate.P95, baseline.P95):
		v.Says = slower("95", candidate.P95, baseline.P95, p)
	case comparable && p.tooSlow(candidate.P99, baseline.P99):
		v.Says = slower("99", candidate.P99, baseline.P99, p)
	default:
		v.Outcome = OutcomeGood
		v.Says = fmt.Sprintf("%d of %d requests failed (%s), within the limits", candidate.Failed, candidate.Requests, percent(candidate.Rate()))
		if comparable {
			v.Says += "; the last good revision's " + percent(baseline.Rate()) + "."
		} else {
			v.Says += "; the last good revision had too few requests for a comparison."
		}
	}
	return v
}

func (w Window) valid() bool {
	return w.Requests >= 0 && w.Failed >= 0 && w.Failed <= w.Requests && w.P95 >= 0 && w.P99 >= 0
}

func (p Policy) tooSlow(is, was time.Duration) bool {
	return p.MaxSlowdown > 0 && is-was > p.IgnoredSlowdown && float64(is) > p.MaxSlowdown*float64(was)
}

func slower(percentile string, is, was time.Duration, p Policy) string {
	return fmt.Sprintf("%s %% of the requests took up to %s, the last good revision's %s; at most %.4g times that may be.",
		percentile, is.Round(time.Millisecond), was.Round(time.Millisecond), p.MaxSlowdown)
}

func percent(rate float64) string { return fmt.Sprintf("%.3g %%", 100*rate) }
