package openapitest

import (
	"fmt"
	"strings"
)

// oddTexts look like something else, or need quotes and escapes.
func oddTexts() []string {
	return []string{
		"true", "false", "1", "1.0", "0x1F", "1e3", "null", "~", "", " ", "=", "<<", "yes", "no", "NO", "on", "y", "2020-01-01",
		"2020-01-01T00:00:00Z", "12:30:45", "-", "?", ":", "a: b", "a #b", "#", "%", "@at", "`tick`", "[1]", "{}", "{a: b}", "&a", "*a", "!tag",
		"|", ">", `"`, "'", "it's", `back\slash`, "tab\tinside", " leading", "trailing ", "größer ≥ 日本語", "emoji 🚀👩‍👩‍👧 𝒳",
		"line\u2028separator", "zero\u200bwidth", "non\u00a0breaking", "bell\u0007", "\ufeffmark", "---", "...", "#/definitions/A",
		"http://x.example/?a=1&b=2#c", "</script>", "${jndi}", "a/b~c", ".inf", "-0", "+1", "0o17", "1_000", "0123", "null\n", "é", "e\u0301",
	}
}

// proseTexts are what people write into descriptions.
func proseTexts() []string {
	return []string{
		"An order.", "What was bought", "Returns the thing, if any; see also the `other` thing.",
		"# Heading\n\nText with *stars*, a list:\n\n- one\n- two: three\n\n    code # no comment\n",
		"two lines\nwith trailing spaces   \nand a tab\there", "ends with blank lines\n\n\n", "one line with its end\n",
		"folded prose that is long enough to be broken between two words somewhere\nand goes on in another line\n",
		"| not | a | block |\n|---|---|---|", "Größe in ㎡ – “quoted” 🚀\n", "key: value # looks like YAML\n- item\n",
		"ends in spaces  \n", "colon: in the middle", "\nbegins with a line end", "  indented first\nthen not",
	}
}

// oddNames are names of properties that YAML, JSON Schema or OpenAPI know as something else.
func oddNames() []string {
	return []string{
		"y", "n", "no", "on", "off", "yes", "null", "~", "true", "False", "1", "200", "0x1F", "1.0", "1e3", "2020-01-01", "=", "<<", "", " ",
		"default", "example", "examples", "type", "items", "allOf", "discriminator", "x-foo", "$ref", "enum", "required", "properties",
		"format", "nullable", "additionalProperties", "schema", "parameters", "a/b~c", "a b", "ünï", "🚀", "tab\tkey", `quo"te`, "it's", "#", "a: b",
		"per%cent", "-", "?", "[x]", "*", "&", "!",
	}
}

// longName is longer than YAML allows a key on one line to be.
func longName() string { return strings.Repeat("long ", 220) + "key" }

func (g *generator) oddText() string { return pick(g, oddTexts()...) }

func (g *generator) prose() string {
	if g.odd(25) {
		return g.oddText()
	}
	return pick(g, proseTexts()...)
}

// anyNumber is a number as data: big, exact or written in an odd way.
func (g *generator) anyNumber() any {
	if g.odd(20) { // what only YAML writes so
		return pick(g, literal{"0x1F", "31"}, literal{"0o17", "15"}, literal{"1_000", "1000"}, literal{"+5", "5"}, literal{".5", "0.5"},
			literal{"5.", "5"}, literal{"0b11", "3"}, literal{"-.5e1", "-5"})
	}
	return number(pick(g, "0", "-0", "1", "1.0", "1.50", "1e3", "1E+2", "0.1", "-17", "18446744073709551615", "-9223372036854775809",
		"123456789012345678901234567890", "3.14159265358979323846264338327950288", "1e-7", "1.7e308", "100"))
}

// data is a value in which nothing is a reference, whatever it looks like.
func (g *generator) data(depth int) any {
	n := g.r.IntN(13)
	if depth <= 0 {
		n %= 7
	}
	switch n {
	case 0:
		return nil
	case 1:
		return g.chance(50)
	case 2, 3:
		return g.anyNumber()
	case 4:
		return literal{"2020-01-01", `"2020-01-01"`}
	case 5:
		return g.oddText()
	case 6:
		return g.prose()
	case 7:
		return obj("$ref", pick(g, "#/definitions/A", "#/components/schemas/A", "file:///etc/passwd", "https://x.example/a.json", "../../x", "nowhere"))
	case 8:
		return obj("$ref", g.data(depth-1), "value", g.data(depth-1))
	case 9:
		list := []any{}
		for range g.r.IntN(3) {
			list = append(list, g.data(depth-1))
		}
		return list
	default:
		o := obj()
		for range g.r.IntN(4) {
			o.set(pick(g, pick(g, oddNames()...), "id", "name", "schema"), g.data(depth-1))
		}
		return o
	}
}

// extend adds vendor extensions, now and then.
func (g *generator) extend(o *object) *object {
	if g.odd(8) {
		own := "x-" + g.name
		if g.common {
			own = "x-own"
		}
		for range 1 + g.r.IntN(2) {
			o.set(pick(g, "x-foo", "x-internal", own, "x-Mixed.Case", "x-schema", "x-ms-enum"), g.data(2))
		}
	}
	return o
}

// described adds a description, and extensions.
func (g *generator) described(o *object) *object {
	if g.chance(30) {
		o.set("description", g.prose())
	}
	return g.extend(o)
}

// operationID is a name for the i-th operation, or "": other services have the same ones, and some are equal up to case.
func (g *generator) operationID(i int) string {
	if g.chance(15) {
		return ""
	}
	id := fmt.Sprintf("%s%d", pick(g, "get", "Get", "list", "LIST", "do-it ", "op.", "löschen"), i/2)
	for g.ids[id] {
		id += "_"
	}
	g.ids[id] = true
	return id
}
