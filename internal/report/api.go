package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Bounds of the API's documentation: of its ready lines in bytes, and of one path in them.
const (
	maxCurl     = 20_000
	maxCurlPath = 500
)

// docs is the page with the API's documentation: the check run's, whose summary holds it.
func (v view) docs() string {
	if address(v.Wanted.URL) == "" {
		return ""
	}
	to := v.Wanted.URL + "/checks"
	if id := v.Observed.Report.CheckRunID; id != 0 && v.Observed.Report.CheckSHA == v.Wanted.HeadSHA {
		to += "?check_run_id=" + strconv.FormatInt(id, 10)
	}
	return to
}

// api documents every operation that the gateway serves: where it goes, and a line that calls it.
func (v view) api(p *page) {
	if !v.serves() || len(v.Observed.Serving.Operations) == 0 {
		return
	}
	s := v.Observed.Serving
	p.block("### API · " + plural(len(s.Operations), "operation") + " of " + commit(s.HeadSHA))
	p.block("| Operation | Service | From |\n|---|---|---|")
	for _, o := range s.Operations {
		from := text(v.Key.Environment)
		if o.Override {
			from = "**this pull request**"
		}
		p.line(fmt.Sprintf("| %s | %s | %s |", code(strings.ToUpper(o.Method)+" "+o.Path), text(o.Service), from))
	}
	p.block(curlLines(address(s.URL), s.Operations))
}

// curlLines are the lines as one code block, as many as fit.
func curlLines(base string, operations []preview.Operation) string {
	if base == "" {
		return ""
	}
	var lines []string
	size, private := 0, false
	for _, o := range operations {
		line := curl(strings.TrimRight(base, "/"), o)
		if line == "" || size+len(line) > maxCurl {
			continue
		}
		size += len(line) + 1
		private = private || !o.Public
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return ""
	}
	body := strings.Join(lines, "\n")
	ticks := strings.Repeat("`", max(3, longestRun(body)+1))
	block := ticks + "sh\n" + body + "\n" + ticks
	if private {
		return "Put a token into `TOKEN` for operations that need one.\n\n" + block
	}
	return block
}

// curl is a line for a shell that calls an operation; "" when its path can't be one. The path is the words of a pull
// request's author: within single quotes a shell sees nothing in it.
func curl(base string, o preview.Operation) string {
	path := clean(o.Path)
	if path != o.Path || len(path) > maxCurlPath || !strings.HasPrefix(path, "/") {
		return ""
	}
	method := strings.ToUpper(o.Method)
	if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return ""
	}
	line := "curl"
	if strings.ContainsAny(path, "{}[]") {
		line += " -g" // or curl would take the braces for a set
	}
	switch method {
	case "GET":
	case "HEAD":
		line += " -I"
	default:
		line += " -X " + method
	}
	if method == "POST" || method == "PUT" || method == "PATCH" {
		line += " -H 'Content-Type: application/json' -d '{}'"
	}
	if !o.Public {
		line += ` -H "Authorization: Bearer $TOKEN"`
	}
	return line + " '" + base + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
