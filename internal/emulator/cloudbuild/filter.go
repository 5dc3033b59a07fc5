package cloudbuild

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A filter tells whether a build is to be listed. Its language is https://google.aip.dev/160, as far as Cloud Build
// documents it: terms FIELD OP VALUE with = != < <= > >= and :, AND, OR, NOT, - and parentheses.
type filter func(*Build) bool

type filterParser struct {
	tokens []string
	at     int
}

func parseFilter(text string) (filter, error) {
	tokens, err := filterTokens(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return func(*Build) bool { return true }, nil
	}
	p := &filterParser{tokens: tokens}
	f, err := p.and()
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("unexpected %q", p.tokens[p.at])
	}
	return f, err
}

// filterTokens splits a filter; a quoted text keeps its first quote, so that it is not taken for a word.
func filterTokens(text string) ([]string, error) {
	var tokens []string
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case unicode.IsSpace(rune(c)):
			i++
		case c == '"' || c == '\'':
			token, n, err := quoted(text[i:])
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token)
			i += n
		case strings.ContainsRune("()", rune(c)):
			tokens = append(tokens, string(c))
			i++
		case strings.ContainsRune("=!<>:", rune(c)):
			n := 1
			if i+1 < len(text) && text[i+1] == '=' {
				n = 2
			}
			tokens = append(tokens, text[i:i+n])
			i += n
		default:
			j := i
			for j < len(text) && !unicode.IsSpace(rune(text[j])) && !strings.ContainsRune("()=!<>:\"'", rune(text[j])) {
				j++
			}
			tokens = append(tokens, text[i:j])
			i = j
		}
	}
	return tokens, nil
}

// quoted is the token at the start of text, which begins with a quote, and how many bytes of text it takes.
func quoted(text string) (token string, n int, err error) {
	b := []byte{'"'}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == text[0]:
			return string(b), i + 1, nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b = append(b, text[i])
	}
	return "", 0, errors.New("a quote is not closed")
}

func (p *filterParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

// and is the weakest operator; it may be left out between terms.
func (p *filterParser) and() (filter, error) {
	all, err := p.or()
	for err == nil && p.peek() != "" && p.peek() != ")" {
		if p.peek() == "AND" {
			p.at++
		}
		var next filter
		if next, err = p.or(); err == nil {
			before := all
			all = func(b *Build) bool { return before(b) && next(b) }
		}
	}
	return all, err
}

func (p *filterParser) or() (filter, error) {
	some, err := p.term()
	for err == nil && p.peek() == "OR" {
		p.at++
		var next filter
		if next, err = p.term(); err == nil {
			before := some
			some = func(b *Build) bool { return before(b) || next(b) }
		}
	}
	return some, err
}

func (p *filterParser) term() (filter, error) {
	token := p.peek()
	switch token {
	case "":
		return nil, fmt.Errorf("a term is missing")
	case "NOT", "-":
		p.at++
		f, err := p.term()
		return func(b *Build) bool { return !f(b) }, err
	case "(":
		p.at++
		f, err := p.and()
		if err == nil && p.peek() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		p.at++
		return f, err
	}
	negate := strings.HasPrefix(token, "-") && len(token) > 1
	field := strings.TrimPrefix(token, "-")
	if p.at+2 >= len(p.tokens) {
		return nil, fmt.Errorf("%q is not FIELD=VALUE", field)
	}
	op, value := p.tokens[p.at+1], strings.TrimPrefix(p.tokens[p.at+2], `"`)
	p.at += 3
	f, err := comparison(field, op, value)
	if negate && err == nil {
		return func(b *Build) bool { return !f(b) }, nil
	}
	return f, err
}

// comparison is one FIELD OP VALUE.
func comparison(field, op, value string) (filter, error) {
	if t := timeField(field); t != nil {
		want, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time", value)
		}
		return func(b *Build) bool { got := t(b); return got != nil && holds(got.Compare(want), op) }, checkOp(op)
	}
	get, err := textField(field)
	if err != nil {
		return nil, err
	}
	if op != "=" && op != "!=" && op != ":" {
		return nil, fmt.Errorf("%s can't be compared with %s", field, op)
	}
	return func(b *Build) bool { return slices.Contains(get(b), value) != (op == "!=") }, nil
}

func checkOp(op string) error {
	if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, op) {
		return fmt.Errorf("unknown operator %q", op)
	}
	return nil
}

func holds(order int, op string) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func timeField(field string) func(*Build) *time.Time {
	switch field {
	case "create_time", "createTime":
		return func(b *Build) *time.Time { return b.CreateTime }
	case "start_time", "startTime":
		return func(b *Build) *time.Time { return b.StartTime }
	case "finish_time", "finishTime":
		return func(b *Build) *time.Time { return b.FinishTime }
	}
	return nil
}

func textField(field string) (func(*Build) []string, error) {
	switch field {
	case "status":
		return func(b *Build) []string { return []string{string(b.Status)} }, nil
	case "tags":
		return func(b *Build) []string { return b.Tags }, nil
	case "id", "build_id":
		return func(b *Build) []string { return []string{b.ID} }, nil
	case "images":
		return func(b *Build) []string { return b.Images }, nil
	case "service_account", "serviceAccount":
		return func(b *Build) []string { return []string{b.ServiceAccount} }, nil
	}
	if name, ok := strings.CutPrefix(field, "substitutions."); ok {
		return func(b *Build) []string {
			if value, ok := b.Substitutions[name]; ok {
				return []string{value}
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("unknown field %q", field)
}
