package compose

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/gangway-dev/gangway/internal/openapi"
)

// WriteFindings writes everything that is to be said of the documents, as text, json or sarif
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
func (r *Result) WriteFindings(w io.Writer, format string) error {
	switch format {
	case "text":
		return r.writeText(w)
	case "json":
		return r.writeJSON(w)
	case "sarif":
		return r.writeSARIF(w)
	}
	return fmt.Errorf("--findings is %q: want text, json or sarif", format)
}

func (r *Result) writeText(w io.Writer) error {
	for _, level := range r.levels() {
		for _, f := range level.findings {
			if _, err := fmt.Fprintf(w, "%s: %s [%s]\n", level.name, f, f.Rule); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s\n", count(len(r.Problems), "problem"), count(len(r.Warnings), "warning"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

type level struct {
	name     string
	findings []openapi.Finding
}

// levels are the findings by how bad they are, in SARIF's words.
func (r *Result) levels() []level { return []level{{"error", r.Problems}, {"warning", r.Warnings}} }

func (r *Result) writeJSON(w io.Writer) error {
	type finding struct {
		Level   string       `json:"level"`
		Rule    openapi.Rule `json:"rule"`
		Service string       `json:"service,omitempty"`
		File    string       `json:"file,omitempty"`
		Line    int          `json:"line,omitempty"`
		Column  int          `json:"column,omitempty"`
		Message string       `json:"message"`
		Hint    string       `json:"hint,omitempty"`
	}
	list := []finding{}
	for _, l := range r.levels() {
		for _, f := range l.findings {
			list = append(list, finding{l.name, f.Rule, f.Service, f.File, f.Line, f.Column, f.Message, f.Hint})
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(list)
}

type object = map[string]any

func (r *Result) writeSARIF(w io.Writer) error {
	results := []object{}
	rules := []object{}
	known := map[openapi.Rule]bool{}
	for _, l := range r.levels() {
		for _, f := range l.findings {
			if !known[f.Rule] {
				known[f.Rule] = true
				rules = append(rules, object{"id": f.Rule})
			}
			results = append(results, result(l.name, f))
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(object{
		"$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"tool":       object{"driver": object{"name": "gangway", "rules": rules}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	})
}

func result(level string, f openapi.Finding) object {
	text := f.Message
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	out := object{"ruleId": f.Rule, "level": level, "message": object{"text": text}}
	if f.File == "" {
		return out
	}
	physical := object{"artifactLocation": object{"uri": f.File}}
	if f.Line > 0 {
		physical["region"] = object{"startLine": f.Line, "startColumn": f.Column}
	}
	out["locations"] = []object{{"physicalLocation": physical}}
	return out
}
