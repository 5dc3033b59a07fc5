package openapitest

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

type version uint8

const (
	v2 version = iota + 1
	v30
	v31
)

func (v version) String() string { return [...]string{"?", "2.0", "3.0", "3.1"}[v] }

// A document is one side of the comparison with all its files.
type document struct {
	service   string
	version   version
	converted bool // it becomes a document of another version
	composed  bool // it has to say itself what is taken for granted elsewhere
	root      *node
	files     map[string]*node
	contents  map[string][]byte

	terms      map[*node]*term // of schemas and callbacks
	names      map[*node]string
	heirs      map[*node][]*node
	operations []*operation
	byNode     map[*node]*operation
	byID       map[string]*operation
}

func loadDocument(service, file string, contents map[string][]byte) (*document, error) {
	d := &document{
		service: service, files: map[string]*node{}, contents: contents, terms: map[*node]*term{},
		byNode: map[*node]*operation{}, byID: map[string]*operation{},
	}
	root, err := d.open(file)
	if err != nil {
		return nil, err
	}
	d.root = root
	switch v := root.get("openapi"); {
	case root.get("swagger") != nil:
		d.version = v2
	case v != nil && strings.HasPrefix(v.text, "3.0"):
		d.version = v30
	case v != nil && strings.HasPrefix(v.text, "3.1"):
		d.version = v31
	default:
		return nil, fmt.Errorf("%s is no OpenAPI document", file)
	}
	d.nameSchemas()
	return d, d.readOperations()
}

func (d *document) open(name string) (*node, error) {
	if n, ok := d.files[name]; ok {
		return n, nil
	}
	content, ok := d.contents[name]
	if !ok {
		return nil, fmt.Errorf("there is no file %s", name)
	}
	n, err := readFile(name, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.files[name] = n
	return n, nil
}

// section is one of the maps of shared values.
func (d *document) section(v2Name, v3Name string) *node {
	if d.version == v2 {
		return d.root.get(v2Name)
	}
	return d.root.get("components").get(v3Name)
}

// follow finds what a reference leads to.
func (d *document) follow(from *node, ref string) (*node, error) {
	file, fragment, _ := strings.Cut(ref, "#")
	name := from.file
	if file != "" {
		decoded, err := url.PathUnescape(file)
		if err != nil {
			return nil, fmt.Errorf("the reference %q: %w", ref, err)
		}
		name = path.Join(path.Dir(from.file), decoded)
	}
	n, err := d.open(name)
	if err != nil {
		return nil, err
	}
	if fragment == "" {
		return n, nil
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		decoded, err := url.PathUnescape(token)
		if err != nil {
			return nil, fmt.Errorf("the reference %q: %w", ref, err)
		}
		decoded = strings.ReplaceAll(strings.ReplaceAll(decoded, "~1", "/"), "~0", "~")
		next := n.get(decoded)
		if i, err := strconv.Atoi(decoded); n.kind == listNode && err == nil && i >= 0 && i < len(n.kids) {
			next = n.kids[i]
		}
		if next == nil {
			return nil, fmt.Errorf("the reference %q leads nowhere in %q", ref, name)
		}
		n = next
	}
	return n, nil
}

// longestChain is how many references in a row are followed.
const longestChain = 200

// settle follows references to what they mean. It is for everything but schemas, where more may stand beside $ref.
func (d *document) settle(n *node) (*node, error) {
	for range longestChain {
		ref := n.get("$ref")
		if ref == nil || ref.kind != textNode {
			return n, nil
		}
		var err error
		if n, err = d.follow(n, ref.text); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("nothing but references to references")
}

// settled applies a function to what a value means.
func (d *document) settled(n *node, f func(*node) *term) *term {
	s, err := d.settle(n)
	if err != nil {
		return broken(err)
	}
	if s.kind != mapNode {
		return dataTerm(s)
	}
	return f(s)
}

const brokenLabel = "a broken reference: "

func broken(err error) *term { return &term{label: brokenLabel + err.Error()} }

// An operation is one method of one path of a document.
type operation struct {
	document *document
	method   string // GET
	path     string // in the composed document
	key      string // method and path without the parameters' names
	names    []string
	id       string
	item     *node // the path item
	node     *node
	file     string
	line     int
}

func (o *operation) String() string {
	return fmt.Sprintf("%s %s of %s (%s:%d)", o.method, o.path, o.document.service, o.file, o.line)
}

func isMethod(v version, key string) bool {
	switch key {
	case "get", "head", "post", "put", "patch", "delete", "options":
		return true
	}
	return key == "trace" && v != v2
}

func (d *document) readOperations() error {
	paths := d.root.get("paths")
	if paths == nil {
		return nil
	}
	base := d.base("", d.root)
	for i, key := range paths.keys {
		if strings.HasPrefix(key, "x-") {
			continue
		}
		item, err := d.settle(paths.kids[i])
		if err != nil {
			return err
		}
		itemBase := d.base(base, item)
		for j, method := range item.keys {
			if !isMethod(d.version, method) {
				continue
			}
			o := &operation{
				document: d, method: strings.ToUpper(method), node: item.kids[j], item: item,
				file: item.file, line: item.lines[j], id: item.kids[j].str("operationId"),
			}
			o.setPath(d.base(itemBase, o.node) + key)
			d.operations = append(d.operations, o)
			d.byNode[o.node] = o
			if o.id != "" {
				d.byID[o.id] = o
			}
		}
	}
	return nil
}

func (o *operation) setPath(path string) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	segments := strings.Split(path, "/")
	o.path = path
	for i, s := range segments {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			name, pattern, _ := strings.Cut(s[1:len(s)-1], "=")
			o.names = append(o.names, name)
			segments[i] = "{" + pattern + "}"
		}
	}
	o.key = o.method + " " + strings.Join(segments, "/")
}

// base is what stands in front of all paths of an owner: the document, a path item or an operation.
func (d *document) base(inherited string, owner *node) string {
	if d.version == v2 {
		if owner != d.root {
			return inherited
		}
		return strings.TrimRight(owner.str("basePath"), "/")
	}
	servers := owner.get("servers").items()
	if len(servers) == 0 {
		return inherited
	}
	address := servers[0].str("url")
	if variables := servers[0].get("variables"); variables != nil {
		for i, name := range variables.keys {
			if v := variables.kids[i].get("default"); v != nil {
				address = strings.ReplaceAll(address, "{"+name+"}", v.text)
			}
		}
	}
	if _, rest, ok := strings.Cut(address, "://"); ok {
		_, after, hasPath := strings.Cut(rest, "/")
		if !hasPath {
			return ""
		}
		address = "/" + after
	}
	return strings.TrimRight("/"+strings.TrimLeft(address, "/"), "/")
}

// nameSchemas finds the names and the heirs of the document's shared schemas. An heir is made of another schema, directly
// or not.
func (d *document) nameSchemas() {
	d.names, d.heirs = map[*node]string{}, map[*node][]*node{}
	shared := d.section("definitions", "schemas")
	if shared == nil {
		return
	}
	for i, name := range shared.keys {
		d.names[shared.kids[i]] = name
	}
	for _, child := range shared.kids {
		bases := slices.Clone(child.get("allOf").items())
		if d.version == v31 && !d.isReference(child) {
			bases = append(bases, child) // a reference beside other keywords is one of allOf
		}
		for _, base := range bases {
			if parent := d.namedBy(base); parent != nil {
				d.heirs[parent] = append(d.heirs[parent], child)
			}
		}
	}
}

// namedBy is the shared schema of the document that a value refers to, nil for none.
func (d *document) namedBy(n *node) *node {
	ref := n.str("$ref")
	if ref == "" {
		return nil
	}
	target, err := d.follow(n, ref)
	if err != nil || d.names[target] == "" {
		return nil
	}
	return target
}

func (d *document) allHeirs(of *node) []*node {
	var all []*node
	seen := map[*node]bool{of: true}
	for queue := []*node{of}; len(queue) > 0; queue = queue[1:] {
		for _, child := range d.heirs[queue[0]] {
			if !seen[child] {
				seen[child] = true
				all, queue = append(all, child), append(queue, child)
			}
		}
	}
	return all
}
