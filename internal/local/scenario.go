package local

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Tour is what `gangway local` shows: a pull request from its opening to its end.
type Tour struct {
	*Local
	hub  *Hub
	pull Pull
	link string
}

// tourTimeout bounds the wait for one thing to happen.
const (
	fastTimeout = 5 * time.Minute
	realTimeout = 40 * time.Minute
)

// Show opens a pull request that changes orders, waits for the link, and calls it.
func (l *Local) Show(ctx context.Context) (*Tour, error) {
	t := &Tour{Local: l, hub: &Hub{url: l.Endpoints.GitHub, api: l.api}}
	err := t.steps(ctx, []step{
		{"the environment answers", t.environmentIsOld},
		{"a pull request changes orders", t.open},
		{"the link appears on the pull request", t.await},
		{"the preview answers with the pull request's code", t.expect("/orders", `"count"`)},
		{"other services are the environment's", t.expect("/plans", "")},
		{"a route for signed-in users needs a token", t.signedIn},
		{"the environment answers as before", t.environmentIsOld},
	})
	return t, err
}

// Finish pushes to the pull request, closes it, and looks that nothing is left.
func (t *Tour) Finish(ctx context.Context) error {
	return t.steps(ctx, []step{
		{"a push adds an operation", t.push},
		{"the link serves the new commit", t.await},
		{"the preview answers with the newest code", t.expect("/statistics", `"orders"`)},
		{"the pull request closes", t.close},
		{"everything is taken in", t.removed},
		{"the environment answers as before", t.environmentIsOld},
		{"all promises hold and nothing is left", func(ctx context.Context) error { return t.Check(ctx) }},
	})
}

type step struct {
	name string
	do   func(context.Context) error
}

func (t *Tour) steps(ctx context.Context, list []step) error {
	limit := fastTimeout
	if t.o.Latency == "real" {
		limit = realTimeout
	}
	for _, s := range list {
		err := t.out.step(ctx, s.name, func() error {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return s.do(ctx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tour) environmentIsOld(ctx context.Context) error {
	status, body, err := t.api.get(ctx, t.gateway+"/orders")
	if err != nil {
		return err
	}
	if status != http.StatusOK || strings.Contains(body, `"count"`) {
		return fmt.Errorf("GET %s/orders answers %d %s", t.gateway, status, body)
	}
	return nil
}

func (t *Tour) open(ctx context.Context) error {
	files, err := Count()
	if err != nil {
		return err
	}
	t.pull, err = t.hub.Open(ctx, "Tell how many orders there are", files)
	return err
}

func (t *Tour) push(ctx context.Context) error {
	files, err := Latest()
	if err != nil {
		return err
	}
	t.pull, err = t.hub.Push(ctx, t.pull.Number, "Add statistics", files)
	return err
}

func (t *Tour) await(ctx context.Context) (err error) {
	t.link, err = t.hub.AwaitLink(ctx, t.pull.Number, t.pull.HeadSHA, t.out.at)
	return err
}

// base is the preview's URL without the path that the link opens.
func (t *Tour) base() string {
	scheme, rest, _ := strings.Cut(t.link, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// expect calls the preview.
func (t *Tour) expect(path, contains string) func(context.Context) error {
	return func(ctx context.Context) error {
		status, body, err := t.api.get(ctx, t.base()+path)
		if err != nil {
			return err
		}
		if status != http.StatusOK || !strings.Contains(body, contains) {
			return fmt.Errorf("GET %s%s answers %d %s", t.base(), path, status, body)
		}
		return nil
	}
}

// signedIn calls a route that is protected by a Firebase token, without one and with one.
func (t *Tour) signedIn(ctx context.Context) error {
	status, body, err := t.api.get(ctx, t.base()+"/me")
	if err != nil {
		return err
	}
	if status != http.StatusUnauthorized {
		return fmt.Errorf("GET /me without a token answers %d %s", status, body)
	}
	token, err := t.Identity.FirebaseToken(Project, "ada")
	if err != nil {
		return err
	}
	status, body, err = t.api.get(ctx, t.base()+"/me", "Authorization", "Bearer "+token)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET /me with a token answers %d %s", status, body)
	}
	return nil
}

// close closes the tour's pull request, and those that an earlier run was killed with.
func (t *Tour) close(ctx context.Context) error {
	open, err := t.hub.OpenPulls(ctx)
	if err != nil {
		return err
	}
	for _, p := range open {
		if _, err := t.hub.Close(ctx, p.Number); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tour) removed(ctx context.Context) error {
	return t.hub.AwaitRemoved(ctx, t.pull.Number, t.out.at)
}

// Number is the tour's pull request's.
func (t *Tour) Number() int { return t.pull.Number }

// Summary is the line at the end, for scripts.
func (l *Local) Summary() string {
	return fmt.Sprintf("gangway local: %d of %d steps ok in %.0f s", l.out.ok, l.out.steps, time.Since(l.out.began).Seconds())
}

// Where tells a person where everything is.
func (t *Tour) Where() {
	t.out.line("")
	t.out.line("  pull request   %s", t.pull.URL)
	t.out.line("  preview        %s", t.link)
	t.out.line("  environment    %s/orders", t.gateway)
	t.out.line("  GitHub         %s", t.Endpoints.GitHub)
	t.out.line("  tokens         %s/?user=ada&project=%s", t.Endpoints.Identity, Project)
	t.out.line("  logs           %s", LogFile(t.o.Dir))
	t.out.line("")
}
