package gangway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// pages are the Markdown files of the repository by their paths, without their code blocks: those of git, so that what
// lies around while somebody works is none.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".md") || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			continue // deleted, and not yet committed
		}
		all[name] = fence.ReplaceAllString(string(text), "\n")
	}
	if _, ok := all["README.md"]; !ok || len(all) < 5 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

// files are the paths of all files that are, or will be, in git; without git, of all.
func files(t *testing.T) []string {
	t.Helper()
	listed, err := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err == nil {
		return strings.Fields(string(listed))
	}
	var all []string
	err = fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(name, ".") && name != "." {
			return fs.SkipDir
		}
		all = append(all, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	span    = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// anchor is how GitHub names a heading's anchor.
func anchor(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case c == '-' || c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
			b.WriteRune(c)
		}
	}
	return b.String()
}

func anchors(page string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(page, -1) {
		all = append(all, anchor(found[1]))
	}
	return all
}

// TestLinks looks that relative links of all pages lead to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := pages(t)
	seen := 0
	for name, page := range all {
		for _, found := range link.FindAllStringSubmatch(span.ReplaceAllString(page, "code"), -1) {
			seen++
			if why := broken(all, name, found[1]); why != "" {
				t.Errorf("%s: link to %s: %s", name, found[1], why)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links found: is the expression right?", seen)
	}
}

// broken says why a link of a page leads nowhere; "" when it doesn't, or leads out of the repository.
func broken(all map[string]string, from, target string) string {
	if strings.HasPrefix(target, "https://") {
		return ""
	}
	if strings.Contains(target, "://") || strings.HasPrefix(target, "/") {
		return "is neither relative nor https"
	}
	file, fragment, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := os.Stat(to); err != nil {
		return "there is no such file"
	}
	if fragment != "" && !slices.Contains(anchors(all[to]), fragment) {
		return "there is no such heading"
	}
	return ""
}

func TestBroken(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"README.md": "# A page\n\n## Some `code` and more: this\n", "docs/local.md": "# Other\n",
	}
	for target, bad := range map[string]bool{
		"#a-page": false, "#some-code-and-more-this": false, "#absent": true, "docs/local.md#other": false,
		"docs/local.md#absent": true, "docs/absent.md": true, "/README.md": true, "http://example.com": true,
		"https://example.com/x#y": false, "go.mod": false,
	} {
		if why := broken(all, "README.md", target); (why != "") != bad {
			t.Errorf("link to %s: %q, want broken %v", target, why, bad)
		}
	}
	if why := broken(all, "docs/local.md", "../README.md#a-page"); why != "" {
		t.Error(why)
	}
}

var (
	place = regexp.MustCompile("^(?:internal|cmd|docs|terraform|cloudbuild|examples|test)/[a-z0-9_./-]+$")
	test  = regexp.MustCompile("^(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+$")
)

// TestNamesInPages looks that folders, files and tests that pages name are there.
func TestNamesInPages(t *testing.T) {
	t.Parallel()
	declared := declaredTests(t)
	seen := 0
	for name, page := range pages(t) {
		for _, found := range span.FindAllString(page, -1) {
			word := strings.Trim(found, "`")
			switch {
			case test.MatchString(word):
				seen++
				if !declared[word] {
					t.Errorf("%s names %s, and there is no such test", name, word)
				}
			case place.MatchString(word):
				seen++
				if _, err := os.Stat(strings.TrimSuffix(word, "/")); err != nil {
					t.Errorf("%s names %s, and there is no such file", name, word)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d names found: are the expressions right?", seen)
	}
}

// declaredTests are the names of all tests, benchmarks and fuzz targets.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	all := map[string]bool{}
	for _, name := range files(t) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for _, found := range function.FindAllSubmatch(text, -1) {
			all[string(found[1])] = true
		}
	}
	return all
}

// variables are the environment variables of a settings file with their defaults, by the struct tags.
func variables(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		text, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			t.Fatal(err)
		}
		name, rest, _ := strings.Cut(reflect.StructTag(text).Get("env"), ",")
		if name != "" {
			_, all[name], _ = strings.Cut(rest, "default=")
		}
		return true
	})
	return all
}

// TestEnvironmentVariablesAreDocumented looks that README.md has a row for each variable of the commands, with its default,
// and for none that there isn't.
func TestEnvironmentVariablesAreDocumented(t *testing.T) {
	t.Parallel()
	known := variables(t, "internal/app/config.go")
	if len(known) < 20 {
		t.Fatalf("only %d variables found", len(known))
	}
	readme := pages(t)["README.md"]
	_, section, _ := strings.Cut(readme, "\n## Environment variables\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for _, found := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|([^|]*)\\|").FindAllStringSubmatch(section, -1) {
		rows[found[1]] = strings.Trim(found[2], " `")
	}
	for name, preset := range known {
		if says, ok := rows[name]; !ok {
			t.Errorf("README.md has no row for %s", name)
		} else if says != preset {
			t.Errorf("README.md says that %s is %q by default; it is %q", name, says, preset)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("README.md has a row for %s, which no command reads", name)
	}
}

// readers are the methods of the configuration's scopes that read an attribute or block, and which argument names it.
var readers = map[string]bool{
	"text": true, "requiredText": true, "texts": true, "requiredTexts": true, "truth": true, "count": true,
	"duration": true, "attribute": true, "blocks": true, "only": true,
}

// TestConfigurationIsDocumented looks that README.md has a row for all that the configuration may hold.
func TestConfigurationIsDocumented(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(pages(t)["README.md"], "\n## Configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	seen := 0
	for _, file := range files(t) {
		if path.Dir(file) != "internal/catalog" || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range configurationNames(t, file) {
			seen++
			row := regexp.MustCompile("(?m)^\\| (?:`[a-z_]+` → )?`" + name + "( \"[A-Z/]+\")?` \\||^### .*`" + name + "( \"[A-Z/]+\")?`")
			if !row.MatchString(section) {
				t.Errorf("%s: README.md has no row for %q", file, name)
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d names found in internal/catalog", seen)
	}
}

// configurationNames are the names of attributes and blocks that a file of internal/catalog reads.
func configurationNames(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		name, isText := call.Args[0].(*ast.BasicLit)
		if !ok || !isText || !readers[method.Sel.Name] || name.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(name.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, text)
		return true
	})
	return names
}
