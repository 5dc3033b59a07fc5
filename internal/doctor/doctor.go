// Package doctor looks at everything that can be wrong with an installation and says what to do about it. It only reads,
// and decides nothing for anybody. Whoever may read less is told what could not be looked at: a check that was not made is
// never said to be well.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
)

// A Status is what came of one check.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, and should be looked at
	Failed  Status = "failed"  // previews do not work, or not all of them
	Skipped Status = "skipped" // it was not looked at, and the message says why
)

// A Result is what one check says of one subject: a service, a repository, a subscription. It is written as JSON: fields
// are added, never renamed.
type Result struct {
	Group   string `json:"group"`
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"` // what to do; of warnings and failures
}

// A Report is all results, in the order of the checks.
type Report struct {
	Results []Result
}

// Count is how many results have a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, one := range r.Results {
		if one.Status == s {
			n++
		}
	}
	return n
}

// A Check asks one thing.
type Check struct {
	Name   string
	Group  string
	Asks   string // what it looks at, for people
	Remedy string // what to do when it isn't so

	run func(context.Context, *exam) // once, or
	of  func(*exam) []subject        // for each of these
	one func(context.Context, *exam, subject)
}

// A subject is what a check is made for, and its name in results.
type subject struct {
	name    string
	service serviceAt
}

// Groups are the groups of checks, in their order.
var Groups = []string{"configuration", "GitHub", "services", "events", "state", "gateways", "builds", "documents", "Terraform"}

// Checks are all checks, in their order.
func Checks() []Check {
	return slices.Concat(configurationChecks(), githubChecks(), serviceChecks(), eventChecks(), stateChecks(), gatewayChecks(),
		buildChecks(), documentChecks(), terraformChecks())
}

// concurrent is how many checks are made at once: few enough for everybody's rate limits.
const concurrent = 16

// defaultDeadline is how long one check may take.
const defaultDeadline = 20 * time.Second

// Run makes all checks and returns when the last one is done, or has taken too long. One that fails stops no other.
func Run(ctx context.Context, w World) Report {
	if w.Deadline <= 0 {
		w.Deadline = defaultDeadline
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	k := newKnown(ctx, w)
	var slots []*slot
	for _, check := range Checks() {
		slots = append(slots, k.slots(check)...)
	}
	turns := make(chan struct{}, concurrent)
	var group sync.WaitGroup
	for _, s := range slots {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			s.fill(ctx, w.Deadline)
		})
	}
	group.Wait()
	var report Report
	for _, s := range slots {
		report.Results = append(report.Results, s.results...)
	}
	return report
}

// A slot is one check of one subject.
type slot struct {
	exam    *exam
	do      func(context.Context, *exam)
	results []Result
}

func (k *known) slots(c Check) []*slot {
	if c.of == nil {
		return []*slot{{exam: &exam{known: k, check: c}, do: c.run}}
	}
	if k.catalog == nil {
		return []*slot{{exam: &exam{known: k, check: c}, do: func(_ context.Context, e *exam) { e.skip("the configuration can't be read") }}}
	}
	var all []*slot
	for _, s := range c.of(&exam{known: k, check: c}) {
		all = append(all, &slot{exam: &exam{known: k, check: c, subject: s.name}, do: func(ctx context.Context, e *exam) { c.one(ctx, e, s) }})
	}
	return all
}

// fill makes the check. What does not answer in time counts as failed, and is left behind.
func (s *slot) fill(ctx context.Context, deadline time.Duration) {
	inner, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	done := make(chan []Result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				s.exam.results = nil
				s.exam.fail("", "the check itself broke: %v", r)
			}
			done <- s.exam.results
		}()
		s.do(inner, s.exam)
	}()
	grace := time.NewTimer(deadline + time.Second) // an answer that says that the time is over has more to tell
	defer grace.Stop()
	select {
	case s.results = <-done:
		return
	case <-grace.C:
	case <-ctx.Done():
	}
	late := exam{known: s.exam.known, check: s.exam.check, subject: s.exam.subject}
	if ctx.Err() != nil {
		late.skip("stopped")
	} else {
		late.fail("Look at the network, then try again.", "no answer within %s", deadline)
	}
	s.results = late.results
}

// An exam is one check being made: what is known, and what was found.
type exam struct {
	*known

	check   Check
	subject string
	results []Result
}

func (e *exam) add(status Status, remedy, format string, args ...any) {
	if remedy == "" && (status == Failed || status == Warning) {
		remedy = e.check.Remedy
	}
	if status == OK || status == Skipped {
		remedy = ""
	}
	e.results = append(e.results, Result{
		Group: e.check.Group, Check: e.check.Name, Subject: e.subject, Status: status, Message: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

func (e *exam) ok(format string, args ...any)   { e.add(OK, "", format, args...) }
func (e *exam) skip(format string, args ...any) { e.add(Skipped, "", format, args...) }

// fail and warn take what to do; "" is what the check usually says.
func (e *exam) fail(remedy, format string, args ...any) { e.add(Failed, remedy, format, args...) }
func (e *exam) warn(remedy, format string, args ...any) { e.add(Warning, remedy, format, args...) }

// unread says that something could not be asked: skipped where the caller has no right to, or there is nobody to ask.
func (e *exam) unread(err error) {
	if e.world.Denied != nil && e.world.Denied(err) {
		e.skip("you may not look: %v", err)
		return
	}
	e.fail("Look at the network and at Google Cloud's or GitHub's status, then try again.", "could not be asked: %v", err)
}

// about is the same exam for another subject.
func (e *exam) about(name string, do func()) {
	before := e.subject
	e.subject = name
	do()
	e.subject = before
}

// full compares a count with a limit.
func (e *exam) full(n, limit int, what string) {
	switch {
	case n >= limit:
		e.fail("", "%d of %d %s", n, limit, what)
	case n*10 >= limit*9:
		e.warn("", "%d of %d %s: nearly full", n, limit, what)
	default:
		e.ok("%d of %d %s", n, limit, what)
	}
}

func configurationChecks() []Check {
	return []Check{{
		Name: "configuration", Group: "configuration", Asks: "whether the configuration can be read and is valid",
		Remedy: "Correct what is said, at the line and column that are named; gangway.example.hcl has everything that it may hold.",
		run: func(_ context.Context, e *exam) {
			if e.catalogErr != nil {
				e.fail("", "%v", e.catalogErr)
				return
			}
			environment := e.catalog.PreviewEnvironment()
			services := 0
			for _, g := range environment.Gateways {
				services += len(g.Services)
			}
			e.ok("valid: previews live in %s (%s in %s), %d services", environment.Name, environment.Project, environment.Region, services)
		},
	}, {
		Name: "google-credentials", Group: "configuration", Asks: "whether there are credentials for Google Cloud",
		Remedy: "Log in: gcloud auth application-default login. Without credentials nothing on Google Cloud is looked at.",
		run: func(_ context.Context, e *exam) {
			if e.world.GoogleError != nil {
				e.fail("", "%v", e.world.GoogleError)
				return
			}
			e.ok("there")
		},
	}}
}

// environment is where previews live. There is a configuration.
func (k *known) environment() *catalog.Environment { return k.catalog.PreviewEnvironment() }
