package compose

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/site"
)

// A Request is what is to be composed. Lists hold NAME=VALUE, as they are given on the command line.
type Request struct {
	Config      string   // configuration file; "" for none
	Environment string   // with Config; by default that of the previews
	Gateway     string   // with Config; by default the only one
	Root        string   // folder in which the configuration's documents are; the current one by default
	Documents   []string // SERVICE=FILE
	Overrides   []string // SERVICE=URL[,FILE]
	Backends    []string // SERVICE=URL
	Title       string
	OpenAPI     string
	Format      string
	Limits      []string // LIMIT=NUMBER: document-bytes, result-bytes, depth, values, alias-values, files
}

// A Result is a composition, or what prevents it.
type Result struct {
	Document    []byte // nil where there are problems
	OpenAPI     string
	Operations  []openapi.Operation
	Problems    []openapi.Finding
	Warnings    []openapi.Finding
	Invented    []string // services whose address nobody has given: https://SERVICE.invalid stands in
	WithoutFile []string // services of the configuration whose document is not there, and that are left out
}

// inventedHost is what the host of an address ends with that nobody has given. It never resolves:
// https://www.rfc-editor.org/rfc/rfc6761#section-6.4.
const inventedHost = ".invalid"

// Run composes. The error is one of the request; what is wrong with the documents is in the result.
func Run(r Request) (*Result, error) {
	in, err := r.inputs()
	if err != nil {
		return nil, err
	}
	documents, err := in.documents()
	if err != nil {
		return nil, err
	}
	o := in.options
	o.Format = openapi.Format(r.Format)
	if !in.configured {
		o.Security = ownSecurity(documents)
	}
	result := &Result{Invented: in.invented, WithoutFile: in.without}
	composition, err := openapi.Compose(documents, o)
	if err == nil {
		result.OpenAPI, result.Operations, result.Warnings = string(composition.OpenAPI), composition.Operations, composition.Warnings
		result.Document, err = composition.Render()
	}
	if wrong, ok := errors.AsType[*openapi.Error](err); ok {
		result.Problems = wrong.Findings
		result.Warnings = append(result.Warnings, wrong.Warnings...)
		return result, nil
	}
	return result, err
}

// ownSecurity are the documents' own definitions, where no configuration says what the gateway's are. They have to agree.
func ownSecurity(documents []openapi.Document) []openapi.SecurityDefinition {
	byName := map[string]openapi.SecurityDefinition{}
	var all []openapi.SecurityDefinition
	for _, d := range documents {
		for _, s := range openapi.SecurityOf(d) {
			if _, known := byName[s.Name]; !known {
				byName[s.Name] = s
				all = append(all, s)
			}
		}
	}
	return all
}

// inputs are a request that has been understood.
type inputs struct {
	request      Request
	configured   bool
	options      openapi.Options
	services     []string
	files        map[string]string // by service
	optional     map[string]bool   // the file may be missing
	repositories map[string]string // by service, of the configuration's
	addresses    map[string]string
	overrides    map[string]string
	invented     []string
	without      []string
}

func (r Request) inputs() (*inputs, error) {
	in := &inputs{
		request: r, files: map[string]string{}, optional: map[string]bool{},
		addresses: map[string]string{}, overrides: map[string]string{}, repositories: map[string]string{},
	}
	if r.Config != "" {
		if err := in.configure(); err != nil {
			return nil, err
		}
	}
	if err := in.read(); err != nil {
		return nil, err
	}
	in.options.Title = cmp.Or(r.Title, in.options.Title, "API")
	if r.OpenAPI != "" {
		in.options.OpenAPI = openapi.Target(r.OpenAPI)
	}
	if t := in.options.OpenAPI; t != "" && t != openapi.OpenAPI2 && t != openapi.OpenAPI3 {
		return nil, fmt.Errorf("--openapi is %q: want 2.0 or 3.0", t)
	}
	if f := openapi.Format(r.Format); f != openapi.JSON && f != openapi.YAML {
		return nil, fmt.Errorf("--format is %q: want yaml or json", r.Format)
	}
	if err := in.limit(); err != nil {
		return nil, err
	}
	if len(in.services) == 0 {
		return nil, errors.New("there is nothing to compose: give --config FILE, or --document SERVICE=FILE")
	}
	return in, nil
}

// configure takes services and security from the configuration.
func (in *inputs) configure() error {
	c, err := catalog.Load(in.request.Config)
	if err != nil {
		return err
	}
	e := c.PreviewEnvironment()
	if in.request.Environment != "" {
		var ok bool
		if e, ok = c.Environment(in.request.Environment); !ok {
			return fmt.Errorf("%s has no environment %q", in.request.Config, in.request.Environment)
		}
	}
	if e == nil {
		return fmt.Errorf("%s has several environments: say which with --environment", in.request.Config)
	}
	g, err := gatewayOf(e, in.request.Gateway)
	if err != nil {
		return err
	}
	in.configured = true
	in.options = site.ComposeOptions(g, c.Previews.Access)
	for _, s := range g.Services {
		in.services = append(in.services, s.Name)
		in.files[s.Name] = filepath.Join(in.request.Root, filepath.FromSlash(s.OpenAPI))
		in.optional[s.Name] = true
		in.repositories[s.Name] = s.Repository
	}
	return nil
}

func gatewayOf(e *catalog.Environment, name string) (*catalog.Gateway, error) {
	var names []string
	for i := range e.Gateways {
		if e.Gateways[i].Name == name || name == "" && len(e.Gateways) == 1 {
			return &e.Gateways[i], nil
		}
		names = append(names, e.Gateways[i].Name)
	}
	if name == "" {
		return nil, fmt.Errorf("environment %s has several gateways: say which with --gateway: %s", e.Name, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("environment %s has no gateway %q; it has %s", e.Name, name, strings.Join(names, ", "))
}

// read takes what is given on the command line.
func (in *inputs) read() error {
	for _, list := range []struct {
		flag   string
		values []string
		take   func(service, value string) error
	}{
		{"--document", in.request.Documents, in.document},
		{"--backend", in.request.Backends, in.backend},
		{"--override", in.request.Overrides, in.override},
	} {
		for _, v := range list.values {
			service, value, ok := strings.Cut(v, "=")
			if !ok || service == "" || value == "" {
				return fmt.Errorf("%s is %q: want SERVICE=…", list.flag, v)
			}
			if in.configured && !slices.Contains(in.services, service) {
				return fmt.Errorf("%s names the service %q, which the gateway does not have: it has %s",
					list.flag, service, strings.Join(in.services, ", "))
			}
			if err := list.take(service, value); err != nil {
				return fmt.Errorf("%s %s: %w", list.flag, v, err)
			}
		}
	}
	return nil
}

func (in *inputs) document(service, file string) error {
	if !slices.Contains(in.services, service) {
		in.services = append(in.services, service)
	}
	in.files[service], in.optional[service] = file, false
	return nil
}

func (in *inputs) backend(service, address string) error {
	in.addresses[service] = address
	return in.known(service)
}

func (in *inputs) override(service, value string) error {
	address, file, hasFile := strings.Cut(value, ",")
	if hasFile {
		if err := in.document(service, file); err != nil {
			return err
		}
	}
	in.overrides[service] = address
	return in.known(service)
}

func (in *inputs) known(service string) error {
	if !slices.Contains(in.services, service) {
		return fmt.Errorf("there is no document of %q: give --document %s=FILE before", service, service)
	}
	return nil
}

// limit takes the limits that are not to be the defaults.
func (in *inputs) limit() error {
	l := &in.options.Limits
	all := map[string]*int{
		"document-bytes": &l.DocumentBytes, "result-bytes": &l.ResultBytes, "depth": &l.Depth, "values": &l.Values,
		"alias-values": &l.AliasValues, "files": &l.Files,
	}
	for _, v := range in.request.Limits {
		name, number, _ := strings.Cut(v, "=")
		field, known := all[name]
		n, err := strconv.Atoi(number)
		if !known || err != nil || n < 1 {
			return fmt.Errorf("--limit is %q: want LIMIT=NUMBER, with one of %s", v, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
		*field = n
	}
	return nil
}

// documents reads the documents.
func (in *inputs) documents() ([]openapi.Document, error) {
	var list []openapi.Document
	for _, service := range in.services {
		files, name, err := repositoryOf(in.files[service])
		if err != nil {
			return nil, err
		}
		content, err := files.ReadFile(name)
		switch {
		case errors.Is(err, os.ErrNotExist) && in.optional[service]:
			in.without = append(in.without, service)
			continue
		case errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("the document of %s is missing: there is no file %s", service, in.files[service])
		case err != nil:
			return nil, fmt.Errorf("reading the document of %s: %w", service, err)
		}
		d := openapi.Document{Service: service, File: name, Content: content, Files: files}
		d.Backend, d.Origin.Override = in.target(service)
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("none of the documents is below %s: give --root FOLDER, or --document SERVICE=FILE",
			cmp.Or(in.request.Root, "the current folder"))
	}
	return list, nil
}

// target is where a service's operations are sent.
func (in *inputs) target(service string) (openapi.Backend, bool) {
	base := in.addresses[service]
	override, overridden := in.overrides[service]
	if base == "" && overridden {
		base = serviceURL(override)
	}
	if base == "" {
		in.invented = append(in.invented, service)
		base = "https://" + service + inventedHost
	}
	return openapi.Backend{Address: cmp.Or(override, base), Audience: base}, overridden
}

// serviceURL is the URL of the service that a tag URL belongs to: the audience of its tokens. Cloud Run writes the tag and three
// dashes before the host: https://docs.cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags.
func serviceURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if _, host, ok := strings.Cut(u.Host, "---"); ok {
		u.Host = host
	}
	return strings.TrimRight(u.String(), "/")
}

// Provenance is the origin of every operation as JSON.
func (r *Result) Provenance() ([]byte, error) {
	type origin struct {
		Method    string `json:"method"`
		Path      string `json:"path"`
		Operation string `json:"operation_id"`
		Service   string `json:"service"`
		Override  bool   `json:"override"`
		File      string `json:"file"`
		Line      int    `json:"line"`
		Column    int    `json:"column"`
		Public    bool   `json:"public"`
	}
	list := make([]origin, 0, len(r.Operations))
	for _, o := range r.Operations {
		list = append(list, origin{o.Method, o.Path, o.ID, o.Service, o.Origin.Override, o.File, o.Line, o.Column, o.Public})
	}
	content, err := json.MarshalIndent(list, "", "  ")
	return append(content, '\n'), err
}
