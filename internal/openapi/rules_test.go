package openapi

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// rulesPage is where the rules are described, for people.
const rulesPage = "../../docs/composition.md"

// TestRulesGolden holds the page to the golden files: each is named there, and each that is named exists.
func TestRulesGolden(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	links := regexp.MustCompile("\\[`([^`]*)`\\]\\(\\.\\./internal/openapi/testdata/([^)]*)\\.txtar\\)")
	for _, found := range links.FindAllStringSubmatch(page(t), -1) {
		if found[1] != found[2] {
			t.Errorf("%s calls the golden file %s %s", rulesPage, found[2], found[1])
		}
		named[found[2]] = true
	}
	files := goldenFiles(t)
	for name := range named {
		if _, ok := files[name]; !ok {
			t.Errorf("%s names the golden file %s, which is not there", rulesPage, name)
		}
	}
	for name := range files {
		if !named[name] {
			t.Errorf("%s has no rule with the golden file %s", rulesPage, name)
		}
	}
}

// TestRulesDescribed holds the page's table of rule ids to rule.go.
func TestRulesDescribed(t *testing.T) {
	t.Parallel()
	_, table, ok := strings.Cut(page(t), "\n## Rule ids\n")
	if !ok {
		t.Fatalf("%s has no section of rule ids", rulesPage)
	}
	table, _, _ = strings.Cut(table, "\n## ")
	var described []string
	for _, found := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		described = append(described, found[1])
	}
	if rules := declaredRules(t); !slices.Equal(described, rules) {
		t.Errorf("%s describes the rules\n%s\nrule.go has, in this order,\n%s", rulesPage, described, rules)
	}
}

// TestRulesFound looks that the golden files have a finding of every rule.
func TestRulesFound(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{}
	for _, rule := range declaredRules(t) {
		missing[rule] = true
	}
	for _, file := range goldenFiles(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents, o := inputs(t, archive)
		for _, f := range allFindings(t, documents, o) {
			delete(missing, string(f.Rule))
		}
	}
	if len(missing) > 0 {
		t.Errorf("no golden file has a finding of the rules %s", slices.Sorted(maps.Keys(missing)))
	}
}

func allFindings(t *testing.T, documents []Document, o Options) []Finding {
	t.Helper()
	c, err := Compose(documents, o)
	if wrong, ok := errors.AsType[*Error](err); ok {
		return slices.Concat(wrong.Findings, wrong.Warnings)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.Warnings
}

func page(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(rulesPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// goldenFiles are the golden files by their names.
func goldenFiles(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	byName := make(map[string]string, len(files))
	for _, file := range files {
		byName[strings.TrimSuffix(filepath.Base(file), ".txtar")] = file
	}
	return byName
}

// declaredRules are the constants of rule.go, in their order.
func declaredRules(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, typed := spec.Type.(*ast.Ident)
		for _, v := range spec.Values {
			literal, isLiteral := v.(*ast.BasicLit)
			if !typed || kind.Name != "Rule" || !isLiteral {
				t.Errorf("rule.go declares %v, which is not a Rule with its text", spec.Names)
				continue
			}
			rule, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, rule)
		}
		return false
	})
	if len(rules) < 10 {
		t.Fatalf("only the rules %v found in rule.go", rules)
	}
	return rules
}
