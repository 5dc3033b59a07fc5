package compose

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/apidiff"
	"github.com/gangway-dev/gangway/internal/openapi"
)

// A DiffRequest says which documents are compared: two files, or those of the configuration's services, as they are on
// disk, with themselves at the commit where their branch began.
type DiffRequest struct {
	Base, Head string // files
	Repository string // OWNER/NAME: only its services
	Against    string // the branch that is merged into, a commit or ref of git: instead of files
	Config     string
	Environment,
	Gateway,
	Root string // as in a [Request]
}

// A Difference is what changed in the APIs of services.
type Difference struct {
	Changes []apidiff.Change `json:"changes"`
	Behind  []apidiff.Change `json:"behind,omitempty"`  // what the other branch has changed meanwhile
	Notes   []string         `json:"notes,omitempty"`   // what is not known, in words
	Unknown bool             `json:"unknown,omitempty"` // some change, or what it means, is not known
}

// Worst is the worst severity of all changes.
func (d *Difference) Worst() apidiff.Severity {
	worst := apidiff.Harmless
	for _, c := range d.Changes {
		worst = max(worst, c.Severity)
	}
	return worst
}

// Diff compares. The error is one of the request, or an [openapi.Error] about a document that can't be composed now.
func Diff(ctx context.Context, r DiffRequest) (*Difference, error) {
	d := &Difference{Changes: []apidiff.Change{}}
	if r.Against == "" {
		return d, d.files(r)
	}
	return d, d.services(ctx, r)
}

// files compares two files.
func (d *Difference) files(r DiffRequest) error {
	var sides [2]apidiff.Side
	for i, file := range []string{r.Base, r.Head} {
		files, name, err := repositoryOf(file)
		if err != nil {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		document := openapi.Document{File: name, Content: content, Files: files}
		if sides[i], err = sideOf("api", document, openapi.Options{Security: openapi.SecurityOf(document)}); err != nil {
			return err
		}
	}
	_, err := d.compare("api", sides[0], sides[1])
	return err
}

// services compares the documents of a gateway's services.
func (d *Difference) services(ctx context.Context, r DiffRequest) error {
	in := &inputs{
		request: Request{Config: r.Config, Environment: r.Environment, Gateway: r.Gateway, Root: r.Root},
		files:   map[string]string{}, optional: map[string]bool{}, repositories: map[string]string{},
	}
	if err := in.configure(); err != nil {
		return err
	}
	if err := in.keepRepository(r.Repository); err != nil {
		return err
	}
	g, err := openGit(ctx, cmp.Or(r.Root, "."))
	if err != nil {
		return err
	}
	branch, err := g.commit(ctx, r.Against)
	if err != nil {
		return fmt.Errorf("--against is %q: %w", r.Against, err)
	}
	mergeBase, err := g.mergeBase(ctx, branch)
	if err != nil {
		return fmt.Errorf("--against is %q: %w", r.Against, err)
	}
	heads, added := map[string]apidiff.Side{}, map[string][]apidiff.Operation{}
	for _, service := range in.services {
		head, before, ok, err := in.sides(ctx, g, service, mergeBase)
		if faults, invalid := errors.AsType[*openapi.Error](err); invalid && len(head.Document) > 0 { // it is the past that is not valid
			d.note("%s could not be compared: its document was not valid where the branch began: %v", service, faults.Findings[0])
			continue
		}
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		changes, err := d.compare(service, before, head)
		if err != nil {
			return err
		}
		heads[service], added[service] = head, apidiff.AddedOperations(changes)
		if branch == mergeBase {
			continue
		}
		if live, err := in.at(ctx, g, service, branch); err == nil {
			late, _ := apidiff.Behind(service, before, head, live) // what can't be read there is not this branch's matter
			d.Behind = append(d.Behind, late...)
		}
	}
	return d.shadows(heads, added)
}

// keepRepository leaves only the services of one repository: paths of documents are those of their repositories.
func (in *inputs) keepRepository(name string) error {
	if name != "" {
		in.services = slices.DeleteFunc(in.services, func(service string) bool { return !strings.EqualFold(in.repositories[service], name) })
		if len(in.services) == 0 {
			return fmt.Errorf("--repository is %q: the gateway has no service of it", name)
		}
	}
	for i, service := range in.services {
		for _, other := range in.services[:i] {
			if in.files[service] == in.files[other] && in.repositories[service] != in.repositories[other] {
				return fmt.Errorf("%s and %s have the same document %s, in different repositories: say with --repository which one this is",
					other, service, in.files[service])
			}
		}
	}
	return nil
}

// sides are a service's document as it is and as it was; false where it is and was none.
func (in *inputs) sides(ctx context.Context, g git, service, mergeBase string) (head, before apidiff.Side, ok bool, err error) {
	files, name, err := repositoryOf(in.files[service])
	if err != nil {
		return head, before, false, err
	}
	content, err := files.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		head, err = apidiff.Nothing(), nil
	case err == nil:
		head, err = in.side(service, name, content, files)
	}
	if err != nil {
		return head, before, false, fmt.Errorf("the document of %s: %w", service, err)
	}
	if before, err = in.at(ctx, g, service, mergeBase); err != nil {
		return head, before, false, fmt.Errorf("the document of %s at %.7s, where the branch began: %w", service, mergeBase, err)
	}
	return head, before, len(head.Places)+len(before.Places) > 0, nil
}

// at is a service's document at a commit.
func (in *inputs) at(ctx context.Context, g git, service, commit string) (apidiff.Side, error) {
	files, name, err := g.files(ctx, in.files[service], commit)
	if err != nil {
		return apidiff.Side{}, err
	}
	content, err := files.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return apidiff.Nothing(), nil
	}
	if err != nil {
		return apidiff.Side{}, err
	}
	return in.side(service, name, content, files)
}

func (in *inputs) side(service, name string, content []byte, files openapi.Files) (apidiff.Side, error) {
	return sideOf(service, openapi.Document{File: name, Content: content, Files: files}, in.options)
}

// sideOf is a document by itself; where the service is makes no difference.
func sideOf(service string, d openapi.Document, o openapi.Options) (apidiff.Side, error) {
	address := "https://" + service + inventedHost
	d.Service, d.Backend = service, openapi.Backend{Address: address, Audience: address}
	return apidiff.SideOf(d, o)
}

func (d *Difference) compare(service string, before, head apidiff.Side) ([]apidiff.Change, error) {
	changes, err := apidiff.Compare(service, before, head)
	if errors.Is(err, apidiff.ErrUnjudged) {
		d.note("of %s, what some changes mean to callers is not known", service)
		err = nil
	}
	d.Changes = append(d.Changes, changes...)
	return changes, err
}

func (d *Difference) note(format string, args ...any) {
	d.Notes, d.Unknown = append(d.Notes, fmt.Sprintf(format, args...)), true
}

// shadows looks for operations that take other services' requests.
func (d *Difference) shadows(heads map[string]apidiff.Side, added map[string][]apidiff.Operation) error {
	operations := map[string][]apidiff.Operation{}
	for service, head := range heads {
		var err error
		if operations[service], err = apidiff.Operations(head); err != nil {
			return err
		}
	}
	for _, service := range slices.Sorted(maps.Keys(heads)) {
		d.Changes = append(d.Changes, apidiff.Shadowed(service, heads[service], added, operations)...)
	}
	return nil
}

// Write writes the difference as text or json.
func (d *Difference) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return d.writeText(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	return fmt.Errorf("--format is %q: want text or json", format)
}

func (d *Difference) writeText(w io.Writer) error {
	s := apidiff.Summarize(d.Changes)
	line := cmp.Or(s.Counts(), "callers notice nothing")
	if s.Breaking > 0 {
		line += fmt.Sprintf(", %d breaking", s.Breaking)
	}
	if s.Worst != nil {
		line += " — " + s.Worst.Operation().String() + " " + s.Worst.Phrase()
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	if err := writeChanges(w, d.Changes); err != nil {
		return err
	}
	if len(d.Behind) > 0 {
		if _, err := fmt.Fprintln(w, "\nThe branch lacks what the other has changed meanwhile:"); err != nil {
			return err
		}
		if err := writeChanges(w, d.Behind); err != nil {
			return err
		}
	}
	for _, note := range d.Notes {
		if _, err := fmt.Fprintln(w, "note:", note); err != nil {
			return err
		}
	}
	return nil
}

func writeChanges(w io.Writer, changes []apidiff.Change) error {
	service, operation := 0, 0
	for _, c := range changes {
		service, operation = max(service, len(c.Service)), max(operation, len(c.Operation().String()))
	}
	for _, c := range changes {
		line := fmt.Sprintf("  %-8s  %-*s  %-*s  %-14s  %s", c.Severity, service, c.Service, operation, c.Operation(), c.Kind, place(c.Place))
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		for _, detail := range c.Details {
			if _, err := fmt.Fprintf(w, "            %s\n", detail.Text); err != nil {
				return err
			}
		}
	}
	return nil
}

func place(p apidiff.Place) string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// absolute is a path without symbolic links, as git writes it; of a file that isn't there, its folder's.
func absolute(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	for dir, rest := path, ""; ; dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest), nil
		}
		if dir == filepath.Dir(dir) {
			return path, nil
		}
	}
}

func oneLine(b []byte) string { return strings.TrimSpace(string(b)) }
