package openapi

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A Composition is the gateway document before it is written. It is safe for concurrent use as long as nobody changes its
// fields.
type Composition struct {
	OpenAPI    Target      // the version of the document
	Operations []Operation // in the order of path and method
	Warnings   []Finding   // what was repaired or left out, in the order of service and place

	options  Options
	settings settings
	parts    []*part
	groups   [][]*placed
	shared   [sectionCount][]sharedItem // in the order of names
	merged   []tag
	backends []namedRule // for OpenAPI 3.0
}

// A part is one document in a composition.
type part struct {
	*contract
	document *Document
	service  string   // see prefix
	first    int      // of the part's items among all of them
	final    []string // the items' names in the composed document
	placed   []*placed
	linkIDs  map[linked]string // operationIds of what links lead to; only where there are links
}

// placed is an operation in a composition.
type placed struct {
	*operation
	owner  *part
	id     string
	folded string   // id, as far as API Gateway may tell it from others
	path   string   // with the names of parameters that the path's operations have in common
	names  []string // of the path's parameters

	backendText string // what stands after x-google-backend
}

// Compose merges documents into one for API Gateway. The order of the documents does not matter. The error is an
// [*Error] with everything that is wrong in any of them, or what their [Files] have answered. The documents are not changed.
func Compose(documents []Document, o Options) (*Composition, error) {
	o.Limits = o.Limits.withDefaults()
	o.Format = cmp.Or(o.Format, YAML)
	rules, problems := newSecurityRules(o)
	if o.Format != JSON && o.Format != YAML {
		problems = append(problems, Finding{Rule: RuleConfiguration, Message: fmt.Sprintf("there is no format %s", quote(string(o.Format)))})
	}
	if len(problems) > 0 {
		return nil, &Error{Findings: problems}
	}
	sorted := byService(documents)
	s := settings{target: o.OpenAPI.guess(documents), format: o.Format, security: rules, limits: o.Limits}
	contracts, err := compileAll(sorted, s, o.Cache)
	if err != nil {
		return nil, err
	}
	if target := o.OpenAPI.decide(contracts); target != s.target {
		s.target = target
		if contracts, err = compileAll(sorted, s, o.Cache); err != nil {
			return nil, err
		}
	}
	c := &Composition{OpenAPI: OpenAPI2, options: o, settings: s}
	if s.target != v2 {
		c.OpenAPI = OpenAPI3
	}
	problems = c.join(sorted, contracts)
	c.warn()
	if len(problems) > 0 {
		sortFindings(problems)
		return nil, &Error{Findings: problems, Warnings: c.Warnings}
	}
	return c, nil
}

// join puts what has been compiled together, and says what prevents it.
func (c *Composition) join(documents []*Document, contracts []*contract) []Finding {
	if problems := c.place(documents, contracts); len(problems) > 0 {
		return append(problems, c.arrange()...)
	}
	var items sync.WaitGroup // what operations share and operations themselves have nothing to do with each other
	var warnings []Finding
	items.Go(func() { warnings = c.nameItems() })
	problems := c.arrange()
	if len(problems) == 0 {
		c.nameOperations()
	}
	items.Wait()
	if len(problems) > 0 {
		return problems
	}
	c.Warnings = append(c.Warnings, warnings...)
	c.merged = c.mergeTags()
	c.warnExtras()
	return nil
}

// place makes parts of documents. What is wrong with a document by itself is what it returns.
func (c *Composition) place(documents []*Document, contracts []*contract) (problems []Finding) {
	for i, d := range documents {
		if d.Service == "" || i > 0 && documents[i-1].Service == d.Service {
			problems = append(problems, Finding{
				Rule: RuleConfiguration, Service: d.Service, File: d.File,
				Message: fmt.Sprintf("the service's name %s is empty or used twice", quote(d.Service)),
			})
		}
		problems = append(problems, checkBackend(d)...)
		p := &part{contract: contracts[i], document: d}
		if c.OpenAPI == OpenAPI2 && p.version > v2 {
			problems = append(problems, Finding{
				Rule: RuleVersion, Service: d.Service, File: d.File,
				Message: "the document is written in OpenAPI 3, but OpenAPI 2.0 is asked for",
				Hint:    "ask for 3.0: nothing is brought down to 2.0",
			})
		}
		for _, f := range p.problems {
			f.Service = d.Service
			problems = append(problems, f)
		}
		all := make([]placed, len(p.operations))
		p.placed = make([]*placed, 0, len(p.operations))
		for i, op := range p.operations {
			all[i] = placed{operation: op, owner: p, id: op.id, folded: op.foldedID, path: op.full, names: op.names}
			p.placed = append(p.placed, &all[i])
		}
		c.parts = append(c.parts, p)
	}
	return problems
}

// arrange groups the operations of all parts by path.
func (c *Composition) arrange() []Finding {
	var operations []*placed
	for _, p := range c.parts {
		operations = append(operations, p.placed...)
	}
	operations, problems := findConflicts(operations)
	c.groups = groupByPath(operations)
	for _, g := range c.groups {
		problems = append(problems, unifyTemplates(g)...)
	}
	return append(problems, c.checkManagement()...)
}

// nameOperations settles the order of the operations, their operationIds and their backends' names.
func (c *Composition) nameOperations() {
	operations := inOrder(c.groups)
	for _, p := range c.parts {
		p.placed = p.placed[:0]
	}
	for _, op := range operations {
		op.owner.placed = append(op.owner.placed, op)
	}
	ids := nameOperations(operations)
	for _, p := range c.parts {
		p.resolveLinks(ids)
	}
	c.Operations = make([]Operation, 0, len(operations))
	for _, op := range operations {
		c.Operations = append(c.Operations, op.provenance())
	}
	c.nameBackends()
}

// warn adds the documents' own warnings to those of the composition.
func (c *Composition) warn() {
	for _, p := range c.parts {
		for _, f := range p.warnings {
			f.Service = p.document.Service
			c.Warnings = append(c.Warnings, f)
		}
	}
	sortFindings(c.Warnings)
}

// finding says something about a place in the part's document.
func (p *part) finding(at place, rule Rule, hint, format string, args ...any) Finding {
	f := p.contract.finding(at, rule, hint, fmt.Sprintf(format, args...))
	f.Service = p.document.Service
	return f
}

// byService are the documents in the order of their services; what is wrong (twice the same service) is in an order of its
// own, so that the messages don't depend on chance.
func byService(documents []Document) []*Document {
	list := make([]*Document, len(documents))
	for i := range documents {
		list[i] = &documents[i]
	}
	slices.SortStableFunc(list, func(x, y *Document) int {
		if order := cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.File, y.File)); order != 0 {
			return order
		}
		return bytes.Compare(x.Content, y.Content)
	})
	return list
}

// looksLike3 tells whether a document is probably OpenAPI 3: its beginning has the key openapi.
func looksLike3(content []byte) bool {
	const key = "openapi"
	for rest := content[:min(len(content), 4096)]; ; {
		i := bytes.Index(rest, []byte(key))
		if i < 0 {
			return false
		}
		rest = rest[i+len(key):]
		if bytes.HasPrefix(bytes.TrimLeft(rest, "\"' \t"), []byte(":")) {
			return true
		}
	}
}

// guess is the version that will probably be written. A wrong guess costs time, nothing else.
func (t Target) guess(documents []Document) version {
	switch t {
	case OpenAPI2:
		return v2
	case OpenAPI3:
		return v30
	}
	for i := range documents {
		if looksLike3(documents[i].Content) {
			return v30
		}
	}
	return v2
}

// decide is the version that is written: that of the documents, and OpenAPI 3.0 when they differ.
func (t Target) decide(contracts []*contract) version {
	switch t {
	case OpenAPI2:
		return v2
	case OpenAPI3:
		return v30
	}
	for _, c := range contracts {
		if c.version > v2 {
			return v30
		}
	}
	return v2
}

// compileAll compiles documents on all processors.
func compileAll(documents []*Document, s settings, cache *Cache) ([]*contract, error) {
	contracts := make([]*contract, len(documents))
	errs := make([]error, len(documents))
	key := s.key()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(documents)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(documents) {
					return
				}
				contracts[i], errs[i] = cache.compile(documents[i], s, key)
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return contracts, nil
}

// groupByPath puts operations of one path together. API Gateway tells paths apart without the names of parameters.
func groupByPath(operations []*placed) [][]*placed {
	index := make(map[string]int, len(operations))
	groups := make([][]*placed, 0, len(operations))
	for n, op := range operations {
		i, ok := index[op.key]
		if !ok {
			index[op.key] = len(groups)
			groups = append(groups, operations[n:n+1:n+1])
			continue
		}
		groups[i] = append(groups[i], op)
	}
	return groups
}

// inOrder sorts groups by path and each group by method, and lists the operations.
func inOrder(groups [][]*placed) []*placed {
	slices.SortFunc(groups, func(a, b []*placed) int { return strings.Compare(a[0].path, b[0].path) })
	rank := map[string]int{}
	for i, m := range methods(v30) {
		rank[m] = i
	}
	operations := make([]*placed, 0, len(groups))
	for _, g := range groups {
		if len(g) > 1 {
			slices.SortFunc(g, func(a, b *placed) int { return cmp.Compare(rank[a.method], rank[b.method]) })
		}
		operations = append(operations, g...)
	}
	return operations
}

func (op *placed) provenance() Operation {
	file := cmp.Or(op.at.file, op.owner.file)
	return Operation{
		Method: op.upper, Path: op.path, ID: op.id, Service: op.owner.document.Service,
		File: file, Line: int(op.at.line), Column: int(op.at.column), Origin: op.owner.document.Origin,
		Public: isPublic(op.security), HasParameters: op.hasParameters,
	}
}

// resolveLinks finds out what the operations that links lead to are called now. A link that led to none of its document's
// must not come to lead to another service's.
func (p *part) resolveLinks(taken *names) {
	if len(p.links) == 0 {
		return
	}
	p.linkIDs = make(map[linked]string, 2*len(p.placed))
	for _, op := range p.placed {
		p.linkIDs[linked{id: op.operation.id}] = op.id
		p.linkIDs[linked{path: op.own, method: op.method}] = op.id
	}
	for _, to := range p.links {
		if _, known := p.linkIDs[to]; !known {
			p.linkIDs[to] = taken.take(to.id)
		}
	}
}
