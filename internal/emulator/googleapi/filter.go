package googleapi

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// A Filter tells whether something is to be listed. Its language is https://google.aip.dev/160 as far as the emulated APIs
// document it: terms FIELD OP VALUE with = != < <= > >= and :, AND, OR, NOT, - and parentheses.
type Filter[T any] func(T) bool

// A Comparison makes the filter of one FIELD OP VALUE; it refuses fields and operators that it doesn't know.
type Comparison[T any] func(field, op, value string) (Filter[T], error)

type filterParser[T any] struct {
	tokens  []string
	at      int
	compare Comparison[T]
}

// ParseFilter reads a filter; an empty one lets everything through.
func ParseFilter[T any](text string, compare Comparison[T]) (Filter[T], error) {
	tokens, err := filterTokens(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return func(T) bool { return true }, nil
	}
	p := &filterParser[T]{tokens: tokens, compare: compare}
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

func (p *filterParser[T]) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

// and is the weakest operator; it may be left out between terms.
func (p *filterParser[T]) and() (Filter[T], error) {
	all, err := p.or()
	for err == nil && p.peek() != "" && p.peek() != ")" {
		if p.peek() == "AND" {
			p.at++
		}
		var next Filter[T]
		if next, err = p.or(); err == nil {
			before := all
			all = func(v T) bool { return before(v) && next(v) }
		}
	}
	return all, err
}

func (p *filterParser[T]) or() (Filter[T], error) {
	some, err := p.term()
	for err == nil && p.peek() == "OR" {
		p.at++
		var next Filter[T]
		if next, err = p.term(); err == nil {
			before := some
			some = func(v T) bool { return before(v) || next(v) }
		}
	}
	return some, err
}

func (p *filterParser[T]) term() (Filter[T], error) {
	token := p.peek()
	switch token {
	case "":
		return nil, fmt.Errorf("a term is missing")
	case "NOT", "-":
		p.at++
		f, err := p.term()
		return func(v T) bool { return !f(v) }, err
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
	f, err := p.compare(field, op, value)
	if negate && err == nil {
		return func(v T) bool { return !f(v) }, nil
	}
	return f, err
}
