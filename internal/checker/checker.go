// Package checker looks from outside whether Gangway's promises hold (docs/architecture.md, "Promises"). It reads what
// the far ends say of themselves through their public REST APIs, follows links like curl, and looks at the files that
// are left. It imports nothing of the code under test and knows none of its state, so that both can't be wrong in the
// same way. It changes nothing.
//
// [Check] judges a world at rest: nothing is under way any more. [Watcher] looks again and again while things happen,
// for what only shows then.
package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A World is where to look, and what an operator knows of it. A far end without an address is not looked at.
type World struct {
	GitHub     string // address of the REST API, with /api/v3 where it has that
	AppID      int64  // of the GitHub App, as which GitHub is read
	AppKeyFile string // its private key (PEM, PKCS #1); "" reads GitHub without credentials
	APIGateway string
	CloudRun   string
	CloudBuild string

	Project      string
	Region       string
	Installation string   // value of the label "gangway"
	Repositories []string // owner/name

	Services            []Service
	BuildAccount        string        // e-mail of the account that builds run as; "" is not checked
	RevisionAccount     string        // e-mail that previews' revisions run as; "" is not checked
	Environment         *Traffic      // the environment before anything happened; see [ReadTraffic]
	Stacks              string        // folder of Terraform's stacks; "" is not looked at
	Files               []string      // files and folders that may hold no secret: logs, the store
	Secrets             []string      // values that may be seen nowhere
	Health              []string      // URLs that have to answer 200
	TakeEffect          time.Duration // how long after closing work may still begin; 0 is 10 s
	IgnoreUnreachable   bool          // links are not followed
	IgnoreAPIViolations bool          // the emulator's own list of what clients must not do is not looked at
}

// A Service is a service as the operator has configured it.
type Service struct {
	Name       string
	CloudRun   string   // name of the Cloud Run service; "" is Name
	Repository string   // owner/name
	Paths      []string // folders, whose changes are the service's
}

func (s Service) cloudRun() string {
	if s.CloudRun == "" {
		return s.Name
	}
	return s.CloudRun
}

// A Violation is a promise that does not hold.
type Violation struct {
	Promise string // P1 to P12
	Subject string // what it is about: acme/shop#42, or a resource
	Detail  string
}

func (v Violation) String() string { return fmt.Sprintf("%s %s: %s", v.Promise, v.Subject, v.Detail) }

// Promises are the promises by their numbers.
func Promises() map[string]string {
	return map[string]string{
		"P1":  "no lost preview: an eligible open pull request has a live gateway for its head, or a visible reason",
		"P2":  "no orphan: every object of ours belongs to a living preview",
		"P3":  "no resurrection: once closed, nothing new starts",
		"P4":  "never backwards: what is published never moves to an older generation",
		"P5":  "one Terraform process per preview",
		"P6":  "no preview changes a traffic percentage, a foreign tag, or what another is deployed with",
		"P7":  "one comment per pull request, which says what is so",
		"P8":  "deletion only on positive evidence",
		"P9":  "no secret is visible",
		"P10": "events cause at most two further applies",
		"P11": "a pull request's code runs without rights, and its text is never ours",
		"P12": "what is poisoned harms its own preview only",
	}
}

// Check reads the world and returns what is wrong with it, in the order of the promises. The error says what could not
// be read; what was found until then is returned with it.
func Check(ctx context.Context, w World) ([]Violation, error) {
	r, err := newReader(w)
	if err != nil {
		return nil, err
	}
	f, err := r.facts(ctx)
	if err != nil {
		return nil, err
	}
	j := &judge{w: w, f: f}
	for _, promise := range []func(*judge){
		(*judge).noLostPreview, (*judge).noOrphan, (*judge).noResurrection, (*judge).neverBackwards, (*judge).oneTerraform,
		(*judge).environmentUndisturbed, (*judge).oneTrueComment, (*judge).noWrongDeletion, (*judge).noSecret,
		(*judge).fewApplies, (*judge).noRights, (*judge).healthy,
	} {
		promise(j)
	}
	slices.SortStableFunc(j.found, func(a, b Violation) int {
		if n := len(a.Promise) - len(b.Promise); n != 0 {
			return n
		}
		return strings.Compare(a.Promise+a.Subject, b.Promise+b.Subject)
	})
	return j.found, nil
}

// A judge holds facts against promises. It does no I/O.
type judge struct {
	w     World
	f     *facts
	found []Violation
}

func (j *judge) violates(promise, subject, format string, args ...any) {
	j.found = append(j.found, Violation{Promise: promise, Subject: subject, Detail: fmt.Sprintf(format, args...)})
}
