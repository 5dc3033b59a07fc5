package openapi

import (
	"slices"
	"strings"
)

// An operationWriter writes one operation: first what a reader wants to know, then what it takes and gives, then the
// gateway's own.
type operationWriter struct {
	*compiler
	operation  *operation
	node       value
	parameters []parameter
}

// operationDepth is the depth of an operation's method, which the fragment follows.
const operationDepth = 2

func (w *operationWriter) write() {
	b := &w.builder
	b.reset()
	firstInlined := len(w.contract.inlined)
	start := b.begin(mapping)
	for _, key := range [...]string{"tags", "summary", "description", "externalDocs"} {
		b.own(w.node, key)
	}
	b.key("operationId")
	b.hole(operationID, 0)
	b.own(w.node, "deprecated")
	if w.target == v2 {
		for _, key := range [...]string{"schemes", "consumes", "produces"} {
			w.inherit(key)
		}
	}
	w.writeSecurity()
	w.writeParameters()
	w.writeBody()
	w.writeResponses()
	if callbacks := w.node.get("callbacks"); callbacks.ok() && w.in != v2 && w.want(callbacks, mapping, "callbacks") {
		b.key("callbacks")
		w.build(callbacks, callbackMap)
	}
	b.key("x-google-backend")
	b.hole(backendOf, 0)
	w.writeQuota()
	w.writeOthers()
	b.end(start)
	w.operation.fragment = w.compiler.write(operationDepth)
	w.writeInlined(firstInlined)
}

func (w *operationWriter) inherit(key string) {
	v := w.node.get(key)
	if v.ok() {
		w.wantStrings(v, key)
	} else {
		v = w.root.get(key)
	}
	if v.ok() {
		w.builder.key(key)
		w.builder.data(v)
	}
}

// writeOthers writes extensions, and what nobody knows.
func (w *operationWriter) writeOthers() {
	for k, v := range w.node.members() {
		switch key := k.text(); key {
		case "tags", "summary", "description", "externalDocs", "operationId", "deprecated", "schemes", "consumes", "produces",
			"security", "parameters", "requestBody", "responses", "callbacks", "servers":
		default:
			if strings.HasPrefix(key, "x-google-") {
				continue
			}
			if !strings.HasPrefix(key, "x-") {
				w.warn(k.at(), RuleExtension, "remove it", "an operation has no field %s; it is left out", quote(key))
				continue
			}
			w.builder.member(k, v)
		}
	}
}

func (w *operationWriter) writeSecurity() {
	if len(w.operation.security) == 0 {
		return
	}
	w.builder.key("security")
	list := w.builder.begin(sequence)
	for _, a := range w.operation.security {
		one := w.builder.begin(mapping)
		for _, r := range a {
			w.builder.key(r.name)
			w.builder.texts(r.scopes...)
		}
		w.builder.end(one)
	}
	w.builder.end(list)
}

// isBody tells whether a parameter becomes a part of the body.
func (w *operationWriter) isBody(p parameter) bool {
	return w.in == v2 && w.target != v2 && (p.in == "body" || p.in == "formData")
}

func (w *operationWriter) writeParameters() {
	names := w.operation.template.names()
	declared := map[string]bool{}
	list := -1
	begin := func() {
		if list < 0 {
			w.builder.key("parameters")
			list = w.builder.begin(sequence)
		}
	}
	for _, p := range w.parameters {
		if w.isBody(p) {
			continue
		}
		begin()
		segment := slices.Index(names, p.name)
		switch {
		case p.in != "path" || segment < 0:
			w.buildParameter(p.node, nil)
		case ref(p.node, parameterObject).ok():
			declared[p.name] = true
			w.inline(p, segment)
		default:
			declared[p.name] = true
			w.buildParameter(p.node, &segment)
		}
	}
	for segment, name := range names {
		if !declared[name] {
			begin()
			w.undeclared(segment)
		}
	}
	if list >= 0 {
		w.builder.end(list)
	}
}

// undeclared writes a parameter that only the path mentions.
func (w *operationWriter) undeclared(segment int) {
	b := &w.builder
	start := b.begin(mapping)
	b.key("name")
	b.hole(pathName, segment)
	b.pair("in", "path")
	b.key("required")
	b.bool(true)
	if w.target == v2 {
		b.pair("type", "string")
	} else {
		b.key("schema")
		schema := b.begin(mapping)
		b.pair("type", "string")
		b.end(schema)
	}
	b.end(start)
}

// inline leaves a hole for a path parameter that is shared: it is written out where another service calls it differently.
func (w *operationWriter) inline(p parameter, segment int) {
	index := w.resolve(ref(p.node, parameterObject), parameterObject)
	if index < 0 {
		w.builder.end(w.builder.begin(mapping))
		return
	}
	w.builder.hole(inlineName, len(w.contract.inlined))
	w.contract.inlined = append(w.contract.inlined, inlined{item: index, segment: segment, settled: p.settled})
}

// writeInlined writes the operation's shared path parameters as they would be written out.
func (w *operationWriter) writeInlined(first int) {
	for i := first; i < len(w.contract.inlined); i++ {
		in := &w.contract.inlined[i]
		w.builder.reset()
		w.buildParameter(in.settled, &in.segment)
		in.settled = value{}
		start := fragment{start: int32(len(w.writer.b)), firstHole: int32(len(w.writer.holes))} //nolint:gosec // limited by Limits
		if w.format == JSON {
			w.writer.json(w.builder.nodes, 0)
		} else {
			w.writer.yamlItem(w.builder.nodes, 0, operationDepth+2)
		}
		start.end, start.lastHole = int32(len(w.writer.b)), int32(len(w.writer.holes)) //nolint:gosec // as above
		in.fragment = start
	}
}

// writeBody writes what is sent: OpenAPI 2.0 has it among the parameters.
func (w *operationWriter) writeBody() {
	if w.in != v2 {
		if body := w.node.get("requestBody"); body.ok() {
			w.builder.key("requestBody")
			w.build(body, requestBody)
		}
		return
	}
	if w.target == v2 {
		return
	}
	consumes := w.media("consumes", w.consumes)
	var form []parameter
	for _, p := range w.parameters {
		switch {
		case p.in == "formData":
			form = append(form, p)
		case p.in != "body":
		case ref(p.node, parameterObject).ok() && consumes.equal(w.consumes):
			w.builder.key("requestBody")
			w.buildRequestBody(p.node, consumes)
		default:
			w.builder.key("requestBody")
			w.buildRequestBody(p.settled, consumes)
		}
	}
	if len(form) > 0 {
		w.builder.key("requestBody")
		w.buildForm(form, consumes)
	}
}

// media are the operation's media types.
func (w *operationWriter) media(key string, inherited media) media {
	v := w.node.get(key)
	if !v.ok() {
		return inherited
	}
	w.wantStrings(v, key)
	return readMedia(v)
}

func (w *operationWriter) writeResponses() {
	w.builder.key("responses")
	list := w.node.get("responses")
	start := w.builder.begin(mapping)
	if !list.ok() { // OpenAPI 3.1 does without
		w.builder.key("default")
		one := w.builder.begin(mapping)
		w.builder.pair("description", "")
		w.builder.end(one)
	}
	produces := w.media("produces", w.produces)
	for k, v := range list.members() {
		w.builder.key(k.text())
		if strings.HasPrefix(k.text(), "x-") {
			w.builder.data(v)
			continue
		}
		if w.in == v2 && w.target != v2 && !produces.equal(w.produces) {
			if settled := w.settled(v, responseObject); settled.ok() {
				v = settled // the shared one has other media types
			}
		}
		w.buildResponse(v, produces)
	}
	w.builder.end(start)
}

// writeQuota writes what a call costs.
func (w *operationWriter) writeQuota() {
	v := w.node.get("x-google-quota")
	if v.ok() && w.want(v, mapping, "x-google-quota") {
		w.builder.key("x-google-quota")
		w.builder.data(v)
	}
}
