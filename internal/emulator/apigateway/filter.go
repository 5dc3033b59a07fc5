package apigateway

import (
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// predicate tells whether a resource, as its JSON object, is wanted.
type predicate func(fields map[string]any) bool

// maxFilter bounds the length of a filter, and with it the depth of its parentheses.
const maxFilter = 4096

// parseFilter reads the part of AIP-160 (https://google.aip.dev/160) that lists here understand: comparisons of a field
// with a text by =, != and : ("has"; a * stands for any value), joined by AND or by nothing, by OR, which binds closer,
// by NOT or -, and by parentheses.
func parseFilter(filter string) (predicate, *status) {
	if len(filter) > maxFilter {
		return nil, failf(codeInvalidArgument, "The filter is longer than %d characters.", maxFilter)
	}
	p := &filterParser{words: filterWords(filter)}
	keep := p.sequence()
	if p.failed || len(p.words) > 0 {
		return nil, failf(codeInvalidArgument, "The filter %q is not valid or not supported.", filter)
	}
	return keep, nil
}

type filterParser struct {
	words  []string
	failed bool
}

func (p *filterParser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *filterParser) next() string {
	word := p.peek()
	if word != "" {
		p.words = p.words[1:]
	}
	return word
}

// sequence reads factors that must all hold.
func (p *filterParser) sequence() predicate {
	var all []predicate
	for p.peek() != "" && p.peek() != ")" && !p.failed {
		if p.peek() == "AND" && len(all) > 0 {
			p.next()
		}
		all = append(all, p.factor())
	}
	return func(fields map[string]any) bool {
		for _, keep := range all {
			if !keep(fields) {
				return false
			}
		}
		return true
	}
}

// factor reads terms of which one must hold.
func (p *filterParser) factor() predicate {
	some := []predicate{p.term()}
	for p.peek() == "OR" && !p.failed {
		p.next()
		some = append(some, p.term())
	}
	return func(fields map[string]any) bool {
		for _, keep := range some {
			if keep(fields) {
				return true
			}
		}
		return false
	}
}

func (p *filterParser) term() predicate {
	word := p.next()
	switch word {
	case "NOT", "-":
		keep := p.term()
		return func(fields map[string]any) bool { return !keep(fields) }
	case "(":
		keep := p.sequence()
		p.failed = p.failed || p.next() != ")"
		return keep
	}
	op := p.next()
	value, quoted := unquote(p.next())
	if !isField(word) || value == "" && !quoted || !quoted && isPunctuation(value) {
		p.failed = true
	}
	path := filterPath(word)
	switch op {
	case "=":
		return func(fields map[string]any) bool { return text(lookup(fields, path...)) == value }
	case "!=":
		return func(fields map[string]any) bool { return text(lookup(fields, path...)) != value }
	case ":":
		return func(fields map[string]any) bool { return has(lookup(fields, path...), value, quoted) }
	}
	p.failed = true
	return func(map[string]any) bool { return false }
}

// has is the operator ":": a map has a key, and a text contains another.
func has(found any, value string, quoted bool) bool {
	switch f := found.(type) {
	case nil:
		return false
	case map[string]any:
		_, ok := f[value]
		return ok
	default:
		if value == "*" && !quoted {
			return true
		}
		return strings.Contains(strings.ToLower(text(f)), strings.ToLower(value))
	}
}

// filterWords splits a filter into names, quoted texts, operators and parentheses.
func filterWords(s string) []string {
	var words []string
	for s = strings.TrimLeft(s, " \t\n"); s != ""; s = strings.TrimLeft(s, " \t\n") {
		n := 1
		switch {
		case strings.HasPrefix(s, "!="):
			n = 2
		case strings.IndexByte("()=:!<>", s[0]) >= 0:
		case s[0] == '-' && (len(words) == 0 || !isOperator(words[len(words)-1])):
		default:
			n = wordLength(s)
		}
		words = append(words, s[:n])
		s = s[n:]
	}
	return words
}

// wordLength is the length of the word at the front of s; quotes keep what is between them together.
func wordLength(s string) int {
	inQuotes := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inQuotes != 0 && c == '\\':
			i++
		case inQuotes != 0 && c == inQuotes:
			inQuotes = 0
		case inQuotes != 0:
		case c == '"' || c == '\'':
			inQuotes = c
		case strings.IndexByte(" \t\n()=:!<>", c) >= 0:
			return i
		}
	}
	return len(s)
}

func isOperator(word string) bool { return word == "=" || word == "!=" || word == ":" }

func isPunctuation(word string) bool {
	return isOperator(word) || word == "(" || word == ")" || word == "!" || word == "<" || word == ">"
}

func isField(word string) bool {
	return word != "" && !isPunctuation(word) && word != "AND" && word != "OR"
}

func unquote(word string) (string, bool) {
	if len(word) >= 2 && (word[0] == '"' || word[0] == '\'') && word[len(word)-1] == word[0] {
		return strings.ReplaceAll(word[1:len(word)-1], `\`+word[:1], word[:1]), true
	}
	return word, false
}

// filterPath splits "labels.team" and `labels."a.b"`; names may also be in the proto's form.
func filterPath(field string) []string {
	first, rest, more := strings.Cut(field, ".")
	path := []string{googleapi.FieldName(first)}
	if more {
		key, _ := unquote(rest)
		path = append(path, key)
	}
	return path
}

func lookup(fields map[string]any, path ...string) any {
	var found any = fields
	for _, name := range path {
		object, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		found = object[name]
	}
	return found
}

func text(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case bool:
		return strconv.FormatBool(t)
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	}
	return ""
}
