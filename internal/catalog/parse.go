package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxFile bounds the configuration and each file that it refers to, in bytes. Far beyond any real one; it keeps the
// messages readable.
const maxFile = 256 << 10

// maxDepth bounds brackets within brackets, and maxOperators the operators, of which a configuration needs none: HCL's
// parser recurses on both, and a stack that is too deep ends the process.
const (
	maxDepth     = 64
	maxOperators = 1000
)

// Load reads the configuration at path. Files that it refers to are looked up beside it. The error is an [*Error] when
// the file could be read.
func Load(path string) (*Catalog, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the configuration
	if err != nil {
		return nil, fmt.Errorf("opening the configuration: %w", err)
	}
	defer func() { _ = file.Close() }()
	src, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(path, src, os.DirFS(filepath.Dir(path)))
}

// Parse reads a configuration and checks all of it. filename is for messages; files resolves relative references
// (a service's build configuration) and may be nil, when there are none. The error is always an [*Error] with
// everything that is wrong.
func Parse(filename string, src []byte, files fs.FS) (*Catalog, error) {
	if len(src) > maxFile {
		return nil, newError(hcl.Diagnostics{tooLarge(filename)}, nil)
	}
	if deep := tooDeep(src, filename); deep != nil {
		return nil, newError(hcl.Diagnostics{deep}, src)
	}
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if damaged(diags) {
		return nil, newError(diags, src)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, newError(diags, src)
	}
	p := &parser{diags: diags, files: files}
	c := p.catalog(body)
	if p.diags.HasErrors() {
		return nil, newError(p.diags, src)
	}
	return c, nil
}

// damaged tells whether the syntax is so wrong that the tree is incomplete, and more messages would mislead.
func damaged(diags hcl.Diagnostics) bool {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Summary != "Attribute redefined" {
			return true
		}
	}
	return false
}

func tooLarge(filename string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Configuration too large",
		Detail:   fmt.Sprintf("A configuration may have %d KiB. Is this the right file?", maxFile>>10),
		Subject:  &hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos},
	}
}

// tooDeep finds what would exhaust the stack of HCL's parser; nil when there is no such thing.
func tooDeep(src []byte, filename string) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src, filename, hcl.InitialPos) // ParseConfig reports what is wrong with them
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type { //nolint:exhaustive // the others don't nest
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			operators++
		}
		if t.Type == hclsyntax.TokenTemplateControl { // %{if} nests without brackets
			operators++
		}
		if depth > maxDepth || operators > maxOperators {
			return &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Nested too deeply",
				Detail:   "Close the brackets and quotation marks before, and write values without operators.",
				Subject:  &t.Range,
			}
		}
	}
	return nil
}

// A parser collects what is wrong while it reads.
type parser struct {
	diags    hcl.Diagnostics
	files    fs.FS
	known    func(block, name string) // told of every name that a block may hold; for the test of the example
	previews string                   // name of the environment that previews live in, "" while it isn't known
	access   Access
}

// wrong notes one diagnostic; remedy is a sentence that says what to do.
func (p *parser) wrong(at hcl.Range, remedy, format string, args ...any) {
	p.diags = append(p.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf(format, args...),
		Detail:   remedy,
		Subject:  &at,
	})
}

// catalog reads the whole file. Repositories and the policy come first, because environments are checked against them.
func (p *parser) catalog(body *hclsyntax.Body) *Catalog {
	top := hcl.Range{Filename: body.SrcRange.Filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	s := &scope{p: p, body: body, header: top, kind: "configuration"}
	c := &Catalog{Installation: s.requiredText("installation", "acme", isInstallation).value}

	seen := claims{}
	for _, b := range s.blocks("repository", "acme/shop") {
		c.Repositories = append(c.Repositories, p.repository(b, seen))
	}
	environments := s.blocks("environment", "development")
	p.policy(s, c, environments)
	seen = claims{}
	for _, b := range environments {
		c.Environments = append(c.Environments, p.environment(b, c, seen))
	}
	if len(environments) == 0 {
		p.wrong(top, `Add a block: environment "development" { … }. See gangway.example.hcl.`, "No environment")
	}
	s.finish()
	return c
}

func (p *parser) repository(b *hclsyntax.Block, seen claims) Repository {
	s := p.scope(b)
	name := s.label(isRepository)
	seen.claim(p, strings.ToLower(name.value), name.at, "Repository %q is declared twice",
		"Remove one of the two blocks; GitHub's names don't distinguish case.")
	r := Repository{Name: name.value, Connection: s.text("connection", isConnection).value}
	s.finish()
	return r
}

// claims remembers who has claimed what, to find what is claimed twice.
type claims map[string]hcl.Range

// claim notes that key is claimed at a place. The format has one %q, for the key.
func (c claims) claim(p *parser, key string, at hcl.Range, format, remedy string) {
	if key == "" {
		return
	}
	if first, ok := c[key]; ok {
		p.wrong(at, fmt.Sprintf("The first is at line %d. %s", first.Start.Line, remedy), format, key)
		return
	}
	c[key] = at
}

// readFile reads a file that the configuration refers to.
func (p *parser) readFile(name text) []byte {
	if name.value == "" {
		return nil
	}
	if p.files == nil {
		p.wrong(name.at, "Remove the reference: this configuration wasn't read from a folder.",
			"File %q can't be looked up", name.value)
		return nil
	}
	file, err := p.files.Open(name.value)
	if err != nil {
		p.wrong(name.at, "The path is relative to the configuration. "+reason(err), "File %q can't be read", name.value)
		return nil
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		p.wrong(name.at, "It must be a file. "+reason(err), "File %q can't be read", name.value)
	case len(content) > maxFile:
		p.wrong(name.at, fmt.Sprintf("It may have %d KiB.", maxFile>>10), "File %q is too large", name.value)
	case strings.TrimSpace(string(content)) == "":
		p.wrong(name.at, "Write a Cloud Build configuration into it, or remove the reference to use Gangway's own.",
			"File %q is empty", name.value)
	}
	return content
}

// reason is an error as a sentence, without the path that the message has already.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return "The system says: " + err.Error() + "."
}
