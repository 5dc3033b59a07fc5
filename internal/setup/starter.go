package setup

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"text/template"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// A Found is a Cloud Run service that was found.
type Found struct {
	Name    string
	Live    map[string]string // labels of its live revision; nil when it has none, or it could not be read
	Follows bool              // its traffic follows the latest revision
	Ingress string            // all is what it has to be
}

// A Starter is what a configuration to begin with is made of.
type Starter struct {
	Installation string
	Project      string
	Region       string
	Environment  string
	Gateway      string
	Repository   string // owner/name that all services are in; "" leaves it to be filled in
	Services     []Found
}

//go:embed gangway.hcl.tmpl
var starterText string

var starter = template.Must(template.New("gangway.hcl").Funcs(template.FuncMap{"text": hclText, "line": oneLine}).Parse(starterText))

// hclText is a text as a literal of HCL, whatever it holds.
func hclText(parts ...string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(strings.Join(parts, ""))).Bytes())
}

// oneLine keeps a text within a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// Render is the configuration: what was found, what terraform/platform calls its own, and, commented out, what only the
// operator knows.
func (s Starter) Render() ([]byte, error) {
	var out bytes.Buffer
	services := make([]starterService, 0, len(s.Services))
	for _, f := range s.Services {
		services = append(services, s.service(f))
	}
	err := starter.Execute(&out, map[string]any{
		"Starter": s, "Services": services,
		"Images": fmt.Sprintf("%s-docker.pkg.dev/%s/%s-previews", s.Region, s.Project, s.Installation),
		"Build":  s.account("build"), "Backend": s.account("gateway"), "Preview": s.account("preview"),
	})
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return hclwrite.Format(out.Bytes()), nil
}

// account is how terraform/platform calls a service account.
func (s Starter) account(name string) string {
	return s.Installation + "-" + name + "@" + s.Project + ".iam.gserviceaccount.com"
}

type starterService struct {
	Found

	CommitLabel string // "" leaves the default
	Notes       []string
}

// commitLabel is the label of a revision that holds its commit where a configuration doesn't say.
const commitLabel = "commit-sha"

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// maxService is how long a service's name may be, so that a preview's tag fits.
const maxService = preview.MaxTagAndService - len("pr-") - preview.MaxPullRequestDigits

func (s Starter) service(f Found) starterService {
	one := starterService{Found: f}
	switch label := labelWithCommit(f.Live); {
	case label == commitLabel:
	case label != "":
		one.CommitLabel = label
	case f.Live == nil:
		one.Notes = append(one.Notes, "Its live revision could not be read: does it have a label with the commit it was built from?")
	default:
		one.Notes = append(one.Notes, "Its live revision has no label with the commit it was built from: deploy it with "+
			"--labels="+commitLabel+"=SHA.")
	}
	if f.Follows {
		one.Notes = append(one.Notes, "Its traffic follows the latest revision. When this file is complete: gangway pin "+f.Name)
	}
	if f.Ingress != "" && f.Ingress != "all" {
		one.Notes = append(one.Notes, "Its ingress is "+f.Ingress+", and API Gateway comes from outside: it has to be all.")
	}
	if len(f.Name) > maxService {
		one.Notes = append(one.Notes, fmt.Sprintf("Its name has %d characters, and with a preview's tag only %d fit: it has to be renamed.", len(f.Name), maxService))
	}
	return one
}

// labelWithCommit is the label that holds a commit; the usual one before any other.
func labelWithCommit(labels map[string]string) string {
	if commit.MatchString(labels[commitLabel]) {
		return commitLabel
	}
	best := ""
	for name, value := range labels {
		if commit.MatchString(value) && !strings.HasPrefix(name, "gangway") && (best == "" || name < best) {
			best = name
		}
	}
	return best
}

// ErrExists says that a configuration is there and stays.
var ErrExists = errors.New("it is there already and was left as it is; --force replaces it")

// WriteStarter writes the configuration into a file. The second result is what is left to fill in, as its reader says; nil
// when it is complete.
func (s Starter) WriteStarter(path string, force bool) (left *catalog.Error, err error) {
	content, err := s.Render()
	if err != nil {
		return nil, err
	}
	if !force {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, ErrExists
		}
		err = writeNew(path, string(content))
		if errors.Is(err, fs.ErrExist) {
			return nil, ErrExists
		}
	} else {
		err = replace(path, string(content))
	}
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = catalog.Parse(path, content, nil)
	if wrong, ok := errors.AsType[*catalog.Error](err); ok {
		return wrong, nil
	}
	return nil, err
}
