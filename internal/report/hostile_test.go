package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	mdtext "github.com/yuin/goldmark/text"

	"github.com/gangway-dev/gangway/internal/preview"
)

// everywhere is a preview with s in every field that holds, or might by mistake hold, words of a pull request's author.
func everywhere(s string) []Preview {
	fail := func(stage string) *preview.Failure {
		return &preview.Failure{
			Stage: stage, At: noon, UserError: preview.UserError{Summary: s, Detail: s, Hint: s},
			Findings: []preview.Finding{{Service: s, File: s, Line: 3, Column: 1, Message: s, Hint: s}},
		}
	}
	failing := live()
	failing.Wanted.Members[0].Step = preview.StepFailed
	failing.Wanted.Members[0].Failure = fail("build")
	failing.Wanted.Members[1].LogURL = "https://logs.example/" + s
	failing.Observed.Serving = serving(old, 2)

	document := live()
	document.Observed.Phase = preview.PhaseApplying
	document.Observed.Failure = fail("document")

	up := live()
	up.Observed.Serving.Open = "/" + s
	up.Observed.Serving.Probe = s
	up.Observed.Serving.Operations = []preview.Operation{{Method: "GET", Path: "/" + s, Service: s}, {Method: s, Path: s, Service: s}}
	up.Observed.Serving.Assumed = []string{s}
	change := preview.APIChange{Service: s, Kind: s, Method: s, Path: s, Severity: s, Details: []string{s}, File: s, Line: 1}
	opened := change
	opened.Kind = "opened"
	up.Wanted.BaseRef = s
	up.Observed.Serving.API = &preview.APIChanges{
		Counts: s, Breaking: 1, Headline: s, Says: s, List: []preview.APIChange{change, opened}, Behind: []preview.APIChange{change}, Unknown: []string{s},
	}
	up.Wanted.Members[0].Service, up.Wanted.Members[0].Revision, up.Wanted.Members[0].URL = s, s, "https://direct.example"+s

	stopped := live()
	stopped.Wanted.Intent = preview.IntentBlocked
	stopped.Wanted.Block = &preview.Block{Reason: preview.BlockConfig, Detail: s}
	return []Preview{failing, document, up, stopped}
}

// ours are the hosts that links may lead to.
var ours = regexp.MustCompile(`^https://(shop-pr-42-1a2b3c-xyz\.ew\.gateway\.dev|console\.cloud\.google\.com|logs\.example|` +
	`pr-42---(orders|payments)-abc-ew\.a\.run\.app|github\.com)(/|$)|^https://direct\.example`)

// recognised is what GitHub makes links or mentions of in running text.
var recognised = regexp.MustCompile(`(?i)@[a-z0-9]|#[0-9]|\bgh-[0-9]|https?://|ftp://|www\.[a-z0-9]`)

// checkMarkdown parses a text as GitHub does and looks for anything that its author could have put there.
func checkMarkdown(t *testing.T, body string) {
	t.Helper()
	src := []byte(body)
	if !utf8.Valid(src) || len(src) > maxBody {
		t.Errorf("%d bytes, valid UTF-8 %t", len(src), utf8.Valid(src))
	}
	for _, r := range body {
		if r != '\n' && r != '\u200b' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("character %U", r)
		}
	}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(mdtext.NewReader(src))
	headings := 0
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			headings++
		case *ast.CodeSpan, *ast.FencedCodeBlock:
			return ast.WalkSkipChildren, nil
		case *ast.Link:
			if !ours.Match(n.Destination) {
				t.Errorf("link to %q", n.Destination)
			}
		case *ast.Image, *ast.AutoLink, *ast.Blockquote, *ast.CodeBlock, *ast.ThematicBreak:
			t.Errorf("%s in the text", n.Kind())
		case *ast.HTMLBlock:
			checkHTML(t, string(n.Lines().Value(src)))
		case *ast.RawHTML:
			checkHTML(t, string(n.Segments.Value(src)))
		case *ast.Text:
			if found := recognised.Find(n.Value(src)); found != nil {
				t.Errorf("%q would be recognised in %q", found, n.Value(src))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if headings > 1 {
		t.Errorf("%d headings", headings)
	}
}

func checkHTML(t *testing.T, s string) {
	t.Helper()
	s = strings.TrimSpace(s)
	if s != Marker(live().Key) && s != "<sub>" && s != "</sub>" {
		t.Errorf("HTML %q", s)
	}
}

func checkHostile(t *testing.T, s string) {
	t.Helper()
	for i, p := range everywhere(s) {
		r := Render(p)
		checkMarkdown(t, r.Comment.Body)
		checkMarkdown(t, r.CheckRun.Summary)
		if strings.Count(r.Comment.Body, "<!-- gangway") > 1 && !strings.Contains(s, "<!-- gangway") {
			t.Error("two markers")
		}
		for _, plain := range []string{r.CheckRun.Title, r.CheckRun.DetailsURL} {
			if strings.ContainsFunc(plain, unicode.IsControl) {
				t.Errorf("control character in %q", plain)
			}
		}
		if r.Status != nil && utf8.RuneCountInString(r.Status.Description) > maxDescription {
			t.Errorf("description of %d characters", utf8.RuneCountInString(r.Status.Description))
		}
		if t.Failed() {
			t.Fatalf("preview %d with %q:\n%s", i, s, r.Comment.Body)
		}
	}
}

func hostile() []string {
	return []string{
		"@octocat please look", "mail me@example.com", "fixes #12 and acme/shop#3 and GH-4", "see https://evil.example/x now",
		"www.evil.example", "HTTP://EVIL.example", "[click](https://evil.example)", "![x](https://evil.example/x.png)",
		"<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<!-- gangway:preview 812345678/42 shop -->", "<https://evil.example>",
		"```\n# out\n[x](https://evil.example)\n```", "````\n~~~\n# out", "` @octocat `", "``", "`", "a`b``c", "\\", "\\`@octocat`\\",
		"a | b | [x](https://evil.example)", "a\\| b | c", "\n# heading\n", "\r\n\r\n> quote\r\n", "---\n\n===", "1. one\n2. two", "- [ ] task",
		"[x]: https://evil.example\n\n[x]", "&lt;b&gt; &#64;octocat &commat;octocat", "$\\href{https://evil.example}{x}$", "\x1b[31mred\x1b[0m",
		"\u202egnp.exe", "a\u200bb\u200d", "\x00\xff\xfe", "\t\tindented", strings.Repeat("`", 500), strings.Repeat("a\n", 5000),
		strings.Repeat("é", 100_000), ")", "x)](https://evil.example", "?q=\"><b>", "@evil.example/", ".evil.example", ":80@evil.example/",
		"/../..//evil.example", "a b", "%zz", "#frag(x)", "<details>", "</sub>", "~~~\nx\n~~~", "*bold* _it_ ~~gone~~", "{{ .X }} ${x} %{if}",
	}
}

func TestHostileText(t *testing.T) {
	for _, s := range hostile() {
		t.Run("", func(t *testing.T) { checkHostile(t, s) })
	}
}

func FuzzHostileText(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(checkHostile)
}

// TestMarkdownCheckerFires holds the checker itself: what a careless rendering would let through is found.
func TestMarkdownCheckerFires(t *testing.T) {
	for _, s := range []string{
		"hi @octocat", "see #12", "https://evil.example", "[x](https://evil.example)", "![x](https://shop.example/x.png)",
		"<b>x</b>", "# one\n\n# two", "> quote", "\u202e", "a <img src=x>",
	} {
		probe := &testing.T{}
		checkMarkdown(probe, s)
		if !probe.Failed() {
			t.Errorf("%q passes", s)
		}
	}
}

func TestFence(t *testing.T) {
	for in, want := range map[string]string{
		"a\n  b\tc":           "```text\na\n  b c\n```",
		"x ``` y":             "````text\nx ``` y\n````",
		"\x1b[1mbold\r\nnext": "```text\n[1mbold\n\nnext\n```",
	} {
		if got := fence(in); got != want {
			t.Errorf("fence(%q) = %q, want %q", in, got, want)
		}
	}
	long := fence(strings.Repeat(strings.Repeat("é", 300)+"\n", 100) + "last")
	if len(long) > maxLog+20 || !strings.HasSuffix(long, "\nlast\n```") {
		t.Errorf("%d bytes, ends with %q", len(long), long[len(long)-20:])
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/x?y=1&z=%20":          "https://a.example/x?y=1&z=%20",
		"http://shop.localhost:8080/":            "http://shop.localhost:8080/",
		"https://a.example/(x)[y]":               "https://a.example/%28x%29%5By%5D",
		"https://a.example/<b>":                  "https://a.example/%3Cb%3E",
		"javascript:alert(1)":                    "",
		"//a.example":                            "",
		"https://user@a.example/":                "",
		"https://a.example\n/":                   "",
		"https://a](b.example/":                  "",
		"":                                       "",
		"https://a.example/" + longText(maxURL):  "",
		"https://a.example/日本":                   "https://a.example/%E6%97%A5%E6%9C%AC",
		"https://a.example/`@octocat`?a=|b":      "https://a.example/%60%40octocat%60?a=%7Cb",
		"https://a.example/a%2Fb":                "https://a.example/a%2Fb",
		"https://pr-42---x-abc-ew.a.run.app/a?b": "https://pr-42---x-abc-ew.a.run.app/a?b",
	} {
		if got := address(in); got != want {
			t.Errorf("address(%q) = %q, want %q", in, got, want)
		}
	}
}

func longText(n int) string { return strings.Repeat("x", n) }

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a second", time.Second: "1s", 59 * time.Second: "59s", time.Minute: "1m", 108 * time.Second: "1m 48s",
		time.Hour: "1 hour", 90 * time.Minute: "1h 30m", 48 * time.Hour: "2 days", 72 * time.Hour: "3 days", 49 * time.Hour: "49 hours",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
}

// TestLongComment has more to say than fits.
func TestLongComment(t *testing.T) {
	p := live()
	p.Wanted.Members = nil
	for i := range 200 {
		m := member(fmt.Sprintf("service-%d", i), preview.StepFailed)
		m.Failure = &preview.Failure{Stage: "build", At: noon, UserError: preview.UserError{
			Summary: longText(1000), Hint: longText(1000), Detail: strings.Repeat(longText(200)+"\n", 500),
		}}
		p.Wanted.Members = append(p.Wanted.Members, m)
	}
	r := Render(p)
	checkMarkdown(t, r.Comment.Body)
	checkMarkdown(t, r.CheckRun.Summary)
	if len(r.Comment.Body) < maxBody/2 || !strings.Contains(r.Comment.Body, "_Cut: ") || !strings.HasSuffix(r.Comment.Body, "</sub>\n") {
		t.Errorf("%d bytes, ends with %q", len(r.Comment.Body), r.Comment.Body[len(r.Comment.Body)-200:])
	}
	if len(r.CheckRun.Summary) > maxSummary || !strings.Contains(r.CheckRun.Summary, "_Cut: ") {
		t.Errorf("summary of %d bytes", len(r.CheckRun.Summary))
	}
}

func TestAnnotationsAreBounded(t *testing.T) {
	p := live()
	p.Observed.Phase = preview.PhaseApplying
	p.Observed.Failure = &preview.Failure{Stage: "document", At: noon, UserError: preview.UserError{Summary: "many"}}
	for i := range 80 {
		p.Observed.Failure.Findings = append(p.Observed.Failure.Findings, preview.Finding{File: "a.yaml", Line: i, Message: "x\n@y"})
	}
	r := Render(p)
	if n := len(r.CheckRun.Annotations); n != maxAnnotations {
		t.Errorf("%d annotations", n)
	}
	if !strings.Contains(r.Comment.Body, "- and 60 more") {
		t.Error("the comment doesn't say how many more there are")
	}
}
