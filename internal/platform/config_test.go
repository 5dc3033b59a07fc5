package platform

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/gangway-dev/gangway/terraform"
)

// A config is a folder of Terraform files as they are written: nothing is evaluated.
type config struct {
	resources []resource
	locals    map[string]expression
}

// A resource is one block, resource or module (type "module").
type resource struct {
	kind, name string
	body       *hclsyntax.Body
	file       []byte
}

// An expression knows its source.
type expression struct {
	hclsyntax.Expression
	file []byte
}

func (r resource) String() string { return r.kind + "." + r.name }

func (r resource) attribute(name string) (expression, bool) {
	a, ok := r.body.Attributes[name]
	if !ok {
		return expression{}, false
	}
	return expression{a.Expr, r.file}, true
}

// blocks are the nested blocks of a type.
func (r resource) blocks(name string) []resource {
	var list []resource
	for _, b := range r.body.Blocks {
		if b.Type == name {
			list = append(list, resource{kind: name, body: b.Body, file: r.file})
		}
	}
	return list
}

// all are the expressions of the block and of all blocks in it.
func (r resource) all() []expression {
	var list []expression
	_ = hclsyntax.VisitAll(r.body, func(node hclsyntax.Node) hcl.Diagnostics {
		if a, ok := node.(*hclsyntax.Attribute); ok {
			list = append(list, expression{a.Expr, r.file})
		}
		return nil
	})
	return list
}

// text is the source on one line.
func (e expression) text() string {
	return strings.Join(strings.Fields(string(e.Range().SliceBytes(e.file))), " ")
}

// literals are the strings that are written out in the expression.
func (e expression) literals() []string {
	var list []string
	_ = hclsyntax.VisitAll(e.Expression, func(node hclsyntax.Node) hcl.Diagnostics {
		if l, ok := node.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.String && !l.Val.IsNull() {
			list = append(list, l.Val.AsString())
		}
		return nil
	})
	return list
}

// locals are the names of the local values that the expression refers to.
func (e expression) locals() []string {
	var list []string
	for _, traversal := range e.Variables() {
		if traversal.RootName() != "local" || len(traversal) < 2 {
			continue
		}
		if attribute, ok := traversal[1].(hcl.TraverseAttr); ok {
			list = append(list, attribute.Name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// parse reads the files of a folder that Terraform would read.
func parse(files fs.FS, folder string) (config, error) {
	c := config{locals: map[string]expression{}}
	names, err := fs.Glob(files, folder+"/*.tf")
	if err != nil || len(names) == 0 {
		return c, fmt.Errorf("no files in %s (%w)", folder, err)
	}
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return c, err
		}
		file, diagnostics := hclsyntax.ParseConfig(source, name, hcl.InitialPos)
		if diagnostics.HasErrors() {
			return c, diagnostics
		}
		c.add(file.Body.(*hclsyntax.Body), source)
	}
	return c, nil
}

func (c *config) add(body *hclsyntax.Body, source []byte) {
	for _, block := range body.Blocks {
		switch block.Type {
		case "resource":
			c.resources = append(c.resources, resource{block.Labels[0], block.Labels[1], block.Body, source})
		case "module":
			c.resources = append(c.resources, resource{"module", block.Labels[0], block.Body, source})
		case "locals":
			for name, a := range block.Body.Attributes {
				c.locals[name] = expression{a.Expr, source}
			}
		}
	}
}

// reached are the local values that expressions refer to, directly or not, in the order of their names.
func (c config) reached(from ...expression) []string {
	seen := map[string]bool{}
	for len(from) > 0 {
		next := from[0].locals()
		from = from[1:]
		for _, name := range next {
			if e, ok := c.locals[name]; ok && !seen[name] {
				seen[name] = true
				from = append(from, e)
			}
		}
	}
	var list []string
	for name := range seen {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// closure is the expressions, and all local values behind them.
func (c config) closure(from ...expression) []expression {
	list := slices.Clone(from)
	for _, name := range c.reached(from...) {
		list = append(list, c.locals[name])
	}
	return list
}

// roles are the keys of the custom roles that the expressions name, and the predefined roles. What can't be told from
// the source is a problem.
func roles(list []expression) (custom, predefined, problems []string) {
	for _, e := range list {
		for _, literal := range e.literals() {
			if strings.HasPrefix(literal, "roles/") {
				predefined = append(predefined, literal)
			}
		}
		_ = hclsyntax.VisitAll(e.Expression, func(node hclsyntax.Node) hcl.Diagnostics {
			key, ok, why := customRole(node)
			switch {
			case why != "":
				problems = append(problems, why+" in "+e.text())
			case ok:
				custom = append(custom, key)
			}
			return nil
		})
	}
	slices.Sort(custom)
	slices.Sort(predefined)
	return slices.Compact(custom), slices.Compact(predefined), problems
}

const customRoles = "google_project_iam_custom_role"

// customRole reads google_project_iam_custom_role.role["key"].
func customRole(node hclsyntax.Node) (key string, ok bool, why string) {
	switch n := node.(type) {
	case *hclsyntax.IndexExpr: // an index that isn't a constant
		if len(n.Variables()) > 0 && n.Variables()[0].RootName() == customRoles {
			return "", false, "a custom role is not named literally"
		}
	case *hclsyntax.ScopeTraversalExpr:
		if n.Traversal.RootName() != customRoles {
			return "", false, ""
		}
		if len(n.Traversal) > 2 {
			if index, ok := n.Traversal[2].(hcl.TraverseIndex); ok && index.Key.Type() == cty.String {
				return index.Key.AsString(), true, ""
			}
		}
		return "", false, "a custom role is not named literally"
	}
	return "", false, ""
}

// isBinding tells whether a resource gives rights.
func (r resource) isBinding() bool { return strings.Contains(r.kind, "_iam_") && r.kind != customRoles }

// own is the platform as it is.
func own(t *testing.T) config {
	t.Helper()
	c, err := parse(terraform.Platform, "platform")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// snapshot writes down all roles and all bindings, with the local values that they lead to.
func snapshot(c config, kinds map[string]map[string][]string) string {
	var b bytes.Buffer
	for _, account := range sortedKeys(kinds) {
		for _, kind := range sortedKeys(kinds[account]) {
			fmt.Fprintf(&b, "role %s_%s\n", account, kind)
			for _, permission := range kinds[account][kind] {
				fmt.Fprintf(&b, "    %s\n", permission)
			}
		}
	}
	var shown []expression
	bindings := slices.Clone(c.resources)
	slices.SortFunc(bindings, func(a, b resource) int { return strings.Compare(a.String(), b.String()) })
	for _, r := range bindings {
		if !r.isBinding() {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", r)
		lines, used := describe(r, "    ")
		b.WriteString(lines)
		shown = append(shown, used...)
	}
	b.WriteString("\n")
	for _, name := range c.reached(shown...) {
		if !slices.Contains([]string{rolesName, extraName, "roles"}, name) { // the roles are above
			fmt.Fprintf(&b, "local.%s = %s\n", name, c.locals[name].text())
		}
	}
	return b.String()
}

// describe lists the attributes of a block and of its blocks.
func describe(r resource, indent string) (string, []expression) {
	var b strings.Builder
	var used []expression
	for _, name := range sortedKeys(r.body.Attributes) {
		if name == "depends_on" {
			continue
		}
		e, _ := r.attribute(name)
		used = append(used, e)
		fmt.Fprintf(&b, "%s%s = %s\n", indent, name, e.text())
	}
	for _, block := range r.body.Blocks {
		lines, more := describe(resource{kind: block.Type, body: block.Body, file: r.file}, indent+"    ")
		fmt.Fprintf(&b, "%s%s\n%s", indent, block.Type, lines)
		used = append(used, more...)
	}
	return b.String(), used
}

func sortedKeys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
