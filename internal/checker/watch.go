package checker

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Watcher looks at a world while things happen, for the promises that don't show at rest: P4 (a gateway that goes back
// to an older revision), P5 (two Terraform processes in one stack) and P8 (a gateway that goes although nothing on the
// pull request says so). It is not safe for concurrent use.
type Watcher struct {
	reader *reader

	newest   map[string]int64     // pull request and service → newest generation that a gateway served
	gateways map[string]*pull     // gateway → its open pull request at the last look
	missed   map[string]*pull     // gateways that went without a reason so far
	found    map[string]Violation // each once
}

// NewWatcher makes a Watcher that has seen nothing yet.
func NewWatcher(w World) (*Watcher, error) {
	w.IgnoreUnreachable = true
	r, err := newReader(w)
	if err != nil {
		return nil, err
	}
	return &Watcher{
		reader: r, newest: map[string]int64{}, gateways: map[string]*pull{}, missed: map[string]*pull{},
		found: map[string]Violation{},
	}, nil
}

// Look looks once.
func (v *Watcher) Look(ctx context.Context) error {
	f := &facts{texts: map[string]string{}, unhealthy: map[string]string{}}
	// The cloud before GitHub: what is gone from the cloud was gone when GitHub is asked why.
	for _, read := range []func(context.Context, *facts) error{
		v.reader.readAPIGateway, v.reader.readCloudRun, v.reader.readGitHub,
	} {
		if err := read(ctx, f); err != nil {
			return fmt.Errorf("watching the world: %w", err)
		}
	}
	if v.reader.w.Stacks != "" {
		f.terraforms = terraforms(v.reader.w.Stacks)
	}
	j := &judge{w: v.reader.w, f: f}
	v.forward(j)
	v.alone(f)
	v.kept(j)
	return nil
}

// Violations are what was found so far.
func (v *Watcher) Violations() []Violation {
	all := maps.Clone(v.found)
	for name, p := range v.missed {
		all["P8 "+name] = Violation{
			"P8", p.subject(), "gateway " + short(name) + " went, and nothing on the pull request says why",
		}
	}
	var list []Violation
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[key])
	}
	return list
}

func (v *Watcher) violates(promise, subject, format string, args ...any) {
	violation := Violation{promise, subject, fmt.Sprintf(format, args...)}
	v.found[violation.String()] = violation
}

// forward is P4: what a gateway serves of a service never becomes older.
func (v *Watcher) forward(j *judge) {
	for _, p := range j.f.pulls {
		for _, g := range j.f.gateways {
			if !g.Labels.of(p) || g.State != "ACTIVE" {
				continue
			}
			for _, s := range j.f.services {
				r, ok := j.serving(p, g, short(s.Name))
				if !ok {
					continue
				}
				key := p.subject() + " " + short(s.Name)
				if r.generation() < v.newest[key] {
					v.violates("P4", p.subject(), "%s went from generation %d back to %d", short(s.Name), v.newest[key], r.generation())
				}
				v.newest[key] = max(v.newest[key], r.generation())
			}
		}
	}
}

// alone is P5: one Terraform process per stack.
func (v *Watcher) alone(f *facts) {
	seen := map[string]bool{}
	for _, directory := range f.terraforms {
		if seen[directory] {
			v.violates("P5", "stack "+directory, "two terraform processes run at once")
		}
		seen[directory] = true
	}
}

// kept is P8: a gateway goes only if the pull request was closed, changed, or says why.
func (v *Watcher) kept(j *judge) {
	now := map[string]*pull{}
	byName := map[string]*pull{}
	for _, p := range j.f.pulls {
		byName[p.subject()] = p
		for _, g := range j.f.gateways {
			if p.open() && g.Labels.of(p) && g.Labels.preview(j.w) && g.State != "DELETING" {
				now[g.Name] = p
			}
		}
	}
	for name, before := range v.gateways {
		if now[name] == nil {
			v.missed[name] = before
		}
	}
	for name, before := range v.missed {
		if now[name] != nil || excused(before, byName[before.subject()]) {
			delete(v.missed, name)
		}
	}
	v.gateways = now
}

// excused tells whether there is a reason for a gateway to have gone between two looks at its pull request.
func excused(before, after *pull) bool {
	if after == nil || !after.open() || after.Head.SHA != before.Head.SHA || after.Draft != before.Draft ||
		!reflect.DeepEqual(after.Labels, before.Labels) {
		return true
	}
	for _, c := range after.ours() {
		sign, _, _ := c.says()
		if strings.Contains(c.Body, "A push brings the preview back") ||
			sign != signReady && sign != signWorking && sign != signGone {
			return true
		}
	}
	return false
}

// A Burst counts the applies that a burst of events on one pull request causes: P10.
type Burst struct {
	w          World
	repository string
	number     int
	before     int
}

// BeginBurst counts before the events.
func BeginBurst(ctx context.Context, w World, repository string, number int) (*Burst, error) {
	b := &Burst{w: w, repository: repository, number: number}
	before, err := b.count(ctx)
	b.before = before
	return b, err
}

// End counts after the events, when everything is at rest again.
func (b *Burst) End(ctx context.Context) ([]Violation, error) {
	after, err := b.count(ctx)
	if err != nil {
		return nil, err
	}
	if after-b.before <= 2 {
		return nil, nil
	}
	return []Violation{{
		"P10", fmt.Sprintf("%s#%d", b.repository, b.number),
		fmt.Sprintf("one burst of events caused %d applies", after-b.before),
	}}, nil
}

func (b *Burst) count(ctx context.Context) (int, error) {
	r, err := newReader(b.w)
	if err != nil {
		return 0, err
	}
	f := &facts{}
	if err := r.readAPIGateway(ctx, f); err != nil {
		return 0, fmt.Errorf("counting applies: %w", err)
	}
	j := &judge{w: b.w, f: f}
	return j.configsCreated(&pull{Repository: b.repository, Number: b.number}), nil
}
