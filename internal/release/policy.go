package release

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Policy is how an environment releases. It is the operator's.
type Policy struct {
	Automatic bool          // what is verified is released without asking a person; a breaking change always asks
	Steps     []int         // shares of traffic in percent, growing; the last is 100
	Pause     time.Duration // how long each share is observed at least
	Limits    Limits
	MaxWait   time.Duration // how long a step waits for enough requests before a person is asked
	Keep      time.Duration // how long the previous revision keeps a tag after the release
	Gateway   bool          // the environment's own gateway is Gangway's to apply
}

// Limits say what is worse than the baseline. Rates are shares of one, not percent.
type Limits struct {
	Requests  int     // fewer of the candidate's say nothing
	ErrorRate float64 // how much higher the candidate's share of 5xx may be
	Latency   float64 // how many times the baseline's 95th percentile the candidate's may be
}

// Validate says everything that is wrong.
func (p Policy) Validate() error {
	var errs []error
	last := 0
	for _, step := range p.Steps {
		if step <= last || step > 100 {
			errs = append(errs, fmt.Errorf("steps %v: each has to be larger than the one before, and none over 100", p.Steps))
			break
		}
		last = step
	}
	if len(errs) == 0 && last != 100 {
		errs = append(errs, fmt.Errorf("steps %v: the last one has to be 100", p.Steps))
	}
	if p.Pause < 0 || p.MaxWait < 0 || p.Keep < 0 {
		errs = append(errs, errors.New("durations can't be negative"))
	}
	if len(p.Steps) > 1 && p.MaxWait < p.Pause {
		errs = append(errs, fmt.Errorf("a step is observed for %s at least, so it can't wait for requests for %s at most", p.Pause, p.MaxWait))
	}
	if p.Limits.Requests < 1 || p.Limits.ErrorRate < 0 || p.Limits.ErrorRate > 1 || p.Limits.Latency < 1 {
		errs = append(errs, errors.New("limits: at least one request, an error rate from 0 to 1, a latency factor of 1 or more"))
	}
	return errors.Join(errs...)
}

// A Window is how a revision has answered for a while.
type Window struct {
	Requests int           `json:"requests"`
	Errors   int           `json:"errors"` // answers 5xx
	P50      time.Duration `json:"p50,omitempty"`
	P95      time.Duration `json:"p95,omitempty"`
	P99      time.Duration `json:"p99,omitempty"`
}

func (w Window) rate() float64 {
	if w.Requests == 0 {
		return 0
	}
	return float64(w.Errors) / float64(w.Requests)
}

// A Verdict is what a comparison says.
type Verdict string

// Verdicts.
const (
	Good   Verdict = "good"
	Bad    Verdict = "bad"
	Little Verdict = "little" // too few requests to tell
)

// slack is what latencies may differ by all the same: a factor of milliseconds says nothing.
const slack = 20 * time.Millisecond

// Judge compares the candidate with the baseline in the same time, and says in a sentence what decided. A baseline with too few
// requests counts as one without errors, and its latency is not compared.
func Judge(candidate, baseline Window, l Limits) (Verdict, string) {
	if candidate.Requests < l.Requests {
		return Little, fmt.Sprintf("%d requests, of the %d that are needed to judge", candidate.Requests, l.Requests)
	}
	enough := baseline.Requests >= l.Requests
	before := 0.0
	if enough {
		before = baseline.rate()
	}
	figures := fmt.Sprintf("%d of %d requests failed (%s), of the baseline's %d of %d (%s)",
		candidate.Errors, candidate.Requests, percent(candidate.rate()), baseline.Errors, baseline.Requests, percent(baseline.rate()))
	if candidate.rate() > before+l.ErrorRate {
		return Bad, figures + ": more than " + percent(l.ErrorRate) + " worse"
	}
	if most := time.Duration(float64(baseline.P95)*l.Latency) + slack; enough && baseline.P95 > 0 && candidate.P95 > most {
		return Bad, fmt.Sprintf("95 %% of the requests took up to %s, of the baseline's up to %s: more than %g times as long",
			candidate.P95.Round(time.Millisecond), baseline.P95.Round(time.Millisecond), l.Latency)
	}
	return Good, figures
}

func percent(rate float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", rate*100), ".0") + " %"
}
