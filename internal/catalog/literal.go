package catalog

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A text is a text of the configuration and where it stands. A text that was reported as wrong has the value "".
type text struct {
	value string
	at    hcl.Range
	set   bool // it is there
	bad   bool // it was reported
}

const literalsOnly = "Write the value itself: a configuration has no variables, functions or expressions. " +
	"For a literal ${ in a text write $${."

// value evaluates an expression that is a literal; anything else is reported.
func (p *parser) value(e hclsyntax.Expression) (cty.Value, bool) {
	if !literal(e) {
		p.wrong(e.Range(), literalsOnly, "Not a literal value")
		return cty.NilVal, false
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		p.diags = append(p.diags, diags...)
		return cty.NilVal, false
	}
	return v, true
}

// literal tells whether an expression is a number, a truth value or a text without interpolation.
func literal(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		for _, part := range e.Parts {
			if _, ok := part.(*hclsyntax.LiteralValueExpr); !ok {
				return false
			}
		}
		return true
	case *hclsyntax.UnaryOpExpr:
		_, ok := e.Val.(*hclsyntax.LiteralValueExpr)
		return ok && e.Op == hclsyntax.OpNegate
	}
	return false
}

func (p *parser) literalText(e hcl.Expression) (text, bool) {
	t := text{at: e.Range(), set: true}
	v, ok := p.syntax(e)
	if !ok {
		return t, false
	}
	if v.IsNull() || v.Type() != cty.String {
		p.wrong(t.at, `Write it in quotation marks: "…".`, "Not a text")
		return t, false
	}
	t.value = v.AsString()
	return t, true
}

// literalEnv is a text, or a number or truth value as a text.
func (p *parser) literalEnv(e hcl.Expression) (string, bool) {
	v, ok := p.syntax(e)
	if !ok {
		return "", false
	}
	if !v.IsNull() {
		if s, err := convert.Convert(v, cty.String); err == nil {
			return s.AsString(), true
		}
	}
	p.wrong(e.Range(), `Write it in quotation marks: "…".`, "Not a text")
	return "", false
}

func (p *parser) literalBool(e hcl.Expression) (value, ok bool) {
	v, ok := p.syntax(e)
	if !ok {
		return false, false
	}
	if v.IsNull() || v.Type() != cty.Bool {
		p.wrong(e.Range(), "Write true or false, without quotation marks.", "Neither true nor false")
		return false, false
	}
	return v.True(), true
}

func (p *parser) literalInt(e hcl.Expression) (int, bool) {
	v, ok := p.syntax(e)
	if !ok {
		return 0, false
	}
	if !v.IsNull() && v.Type() == cty.Number {
		if n, accuracy := v.AsBigFloat().Int64(); accuracy == 0 && n == int64(int32(n)) { //nolint:gosec // the check itself
			return int(n), true
		}
	}
	p.wrong(e.Range(), "Write a whole number, without quotation marks.", "Not a whole number")
	return 0, false
}

// syntax is value for an expression of the native syntax, which all of ours are.
func (p *parser) syntax(e hcl.Expression) (cty.Value, bool) {
	native, ok := e.(hclsyntax.Expression)
	if !ok {
		p.wrong(e.Range(), literalsOnly, "Not a literal value")
		return cty.NilVal, false
	}
	return p.value(native)
}

// list are the elements of a list that is written with brackets.
func (p *parser) list(e hclsyntax.Expression) ([]hclsyntax.Expression, bool) {
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		p.wrong(e.Range(), `Write it with brackets, for example: ["a", "b"]`, "Not a list")
		return nil, false
	}
	return tuple.Exprs, true
}

func isEmptyList(e hclsyntax.Expression) bool {
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	return ok && len(tuple.Exprs) == 0
}

// A pair is one entry of a map.
type pair struct {
	key   text
	value hclsyntax.Expression
}

// pairs are the entries of a map that is written with braces.
func (p *parser) pairs(e hclsyntax.Expression) []pair {
	object, ok := e.(*hclsyntax.ObjectConsExpr)
	if !ok {
		p.wrong(e.Range(), `Write it with braces, for example: { STAGE = "preview" }`, "Not a map")
		return nil
	}
	var all []pair
	for _, item := range object.Items {
		if key, ok := p.mapKey(item.KeyExpr); ok {
			all = append(all, pair{key: key, value: item.ValueExpr})
		}
	}
	return all
}

// mapKey is a key, with or without quotation marks.
func (p *parser) mapKey(e hclsyntax.Expression) (text, bool) {
	if name := hcl.ExprAsKeyword(e); name != "" {
		return text{value: name, at: e.Range(), set: true}, true
	}
	if key, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok {
		e = key.Wrapped
	}
	return p.literalText(e)
}
