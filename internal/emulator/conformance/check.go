package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A check is what is found out about one exchange.
type check struct {
	*exchange
	api       *API
	operation *Operation
	found     []Violation
}

// check finds the operation and what is wrong with request and answer.
func (x *exchange) check(apis []*API) []Violation {
	if len(apis) == 0 {
		return nil
	}
	c := &check{exchange: x, api: apis[0]}
	var path map[string]string
	for _, api := range apis {
		if o, values := api.find(x.request.Method, x.url.EscapedPath()); o != nil {
			c.api, c.operation, path = api, o, values
			break
		}
	}
	if c.operation == nil {
		c.add(InRequest, "path", "is no operation of the API")
		if c.status >= http.StatusBadRequest {
			c.answerJSON(c.errorProblems)
		}
		return c.found
	}
	c.parameters(path)
	c.requestBody(path)
	c.response()
	return c.found
}

func (c *check) add(part, at, text string) {
	v := Violation{
		API: c.api.Name, Method: c.request.Method, Path: c.url.Path, Part: part, Status: c.status, At: at, Problem: text,
		Agent: c.request.UserAgent(),
	}
	if c.operation != nil {
		v.Operation = c.operation.ID
	}
	if !excepted(v) {
		c.found = append(c.found, v)
	}
}

func (c *check) problems(part string, list []problem) {
	slices.SortStableFunc(list, func(a, b problem) int { return strings.Compare(a.at, b.at) })
	for _, p := range list {
		if p.at == "" {
			p.at = "body"
		}
		c.add(part, p.at, p.text)
	}
}

// parameters checks path and query.
func (c *check) parameters(path map[string]string) {
	query, err := url.ParseQuery(c.url.RawQuery)
	if err != nil {
		c.add(InRequest, "query", "can't be parsed: "+err.Error())
	}
	for _, p := range c.operation.Parameters {
		switch p.In {
		case "path":
			if no := parameterProblem(path[p.Name], p.Schema, c.api); no != "" {
				c.add(InRequest, "parameter "+p.Name, no)
			}
		case "query":
			if _, ok := query[p.Name]; !ok && p.Required {
				c.add(InRequest, "parameter "+p.Name, "is missing")
			}
		}
	}
	for name, values := range query {
		p := c.parameter(name)
		if p == nil {
			c.add(InRequest, "parameter "+name, "is not described")
			continue
		}
		c.queryParameter(*p, values)
	}
}

func (c *check) parameter(name string) *Parameter {
	for _, list := range [][]Parameter{c.operation.Parameters, c.api.Parameters, c.system()} {
		for i, p := range list {
			if p.Name == name && p.In == "query" {
				return &list[i]
			}
		}
	}
	return nil
}

func (c *check) queryParameter(p Parameter, values []string) {
	if len(values) > 1 && !p.Repeated {
		c.add(InRequest, "parameter "+p.Name, "is given more than once")
	}
	for _, value := range values {
		if no := parameterProblem(value, p.Schema, c.api); no != "" {
			c.add(InRequest, "parameter "+p.Name, no)
		}
		if p.Schema.Format == "google-fieldmask" && c.operation.Request != nil {
			j := &judge{api: c.api, request: true}
			c.problems(InRequest, j.mask(value, c.operation.Request, "parameter "+p.Name))
		}
	}
}

// parameterProblem says what is wrong with the text of a parameter, or "".
func parameterProblem(text string, s *Schema, api *API) string {
	s = api.schema(s)
	var value any = text
	switch s.Type {
	case "integer", "number":
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "is " + brief(text) + ", want " + article(s.Type)
		}
		value = json.Number(text)
	case "boolean":
		if text != "true" && text != "false" {
			return "is " + brief(text) + ", want true or false"
		}
		value = text == "true"
	case "array", "object":
		return "" // none of the APIs says how they are written
	}
	j := &judge{api: api, request: true}
	if found := j.value(value, s, ""); len(found) > 0 {
		return found[0].text
	}
	return ""
}

func (c *check) requestBody(path map[string]string) {
	body := bytes.TrimSpace(c.body)
	o := c.operation
	switch {
	case len(body) == 0:
		if o.NeedsBody {
			c.add(InRequest, "body", "is missing")
		}
		return
	case o.Request == nil:
		// GitHub's clients may send an empty object where none is described.
		if c.api.Style != GitHub || !bytes.Equal(body, []byte("{}")) {
			c.add(InRequest, "body", "is not described")
		}
		return
	}
	if !isJSON(c.request.Header.Get("Content-Type")) {
		c.add(InRequest, "header Content-Type", "is "+brief(c.request.Header.Get("Content-Type"))+", want application/json")
	}
	value, err := decode(body)
	if err != nil {
		c.add(InRequest, "body", "is no JSON: "+err.Error())
		return
	}
	c.unbind(value, path)
	c.problems(InRequest, c.requestJudge().value(value, o.Request, ""))
}

// unbind takes out of a body what the path says already: Google's client libraries send it twice, where the body is the
// whole message of the request
// (https://github.com/googleapis/googleapis/blob/master/google/api/http.proto, on "body").
func (c *check) unbind(value any, path map[string]string) {
	object, ok := value.(map[string]any)
	if !ok || c.api.Style != Google {
		return
	}
	for name, bound := range path {
		if s := c.api.schema(c.operation.Request); s.Properties[name] == nil && object[name] == bound {
			delete(object, name)
		}
	}
}

// requestJudge knows what a request may leave out and what it may not name: an update need not be whole, and what is
// read-only is ignored unless it is named as to be changed
// (https://google.aip.dev/134, https://google.aip.dev/203#output-only).
func (c *check) requestJudge() *judge {
	j := &judge{api: c.api, request: true}
	if c.api.Style == Google {
		j.partial = c.request.Method == http.MethodPatch
		j.written = reads(c.url.Query().Get("updateMask"), c.api.schema(c.operation.Request))
	}
	return j
}

func (c *check) response() {
	if c.status == http.StatusNotModified {
		if c.request.Header.Get("If-None-Match") == "" {
			c.add(InAnswer, "status", "is 304 without If-None-Match in the request")
		}
		c.noBody()
		return
	}
	r := c.operation.Responses[strconv.Itoa(c.status)]
	switch {
	case c.fromProxy():
	case c.status == http.StatusNoContent && c.emptied():
		c.noBody()
	case c.api.Style == Google && c.status != http.StatusOK:
		c.answerJSON(c.errorProblems)
	case r == nil && c.general():
		c.answerJSON(c.errorProblems)
	case r == nil:
		c.add(InAnswer, "status", fmt.Sprintf("is %d, which is not described", c.status))
	case c.request.Method == http.MethodHead || r.Schema == nil && len(r.Media) == 0:
		c.noBody()
	case c.otherMedia(r):
	case r.Schema == nil:
		c.add(InAnswer, "header Content-Type", "is "+brief(c.header.Get("Content-Type"))+", which is not described")
	default:
		c.answerJSON(func(value any) []problem {
			// Google's required fields are those of requests: an answer leaves out what has its default value.
			return (&judge{api: c.api, partial: c.api.Style == Google}).value(value, c.asked(r), "")
		})
	}
}

// emptied tells whether an answer without a body is right, where Google describes just 200 and nothing in it: Cloud Storage
// answers so (https://cloud.google.com/storage/docs/json_api/v1/status-codes#204-no-content).
func (c *check) emptied() bool {
	described := c.operation.Responses["200"]
	return c.api.Style == Google && described != nil && described.Schema == nil
}

func (c *check) noBody() {
	if len(c.answer) > 0 {
		c.add(InAnswer, "body", "is not described")
	}
}

// otherMedia tells whether the answer is of a media type that is described and not JSON, or raw as it was asked for
// (https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types).
func (c *check) otherMedia(r *Response) bool {
	media, _, _ := mime.ParseMediaType(c.header.Get("Content-Type"))
	if _, ok := r.Media[media]; ok {
		return true
	}
	return media == "application/vnd.github.raw" && strings.Contains(c.request.Header.Get("Accept"), "raw")
}

// asked is the schema of the JSON that the request asked for: GitHub has some in another shape.
func (c *check) asked(r *Response) *Schema {
	for media, schema := range r.Media {
		if c.api.schema(schema).Type != "string" && strings.Contains(c.request.Header.Get("Accept"), media) {
			return &Schema{AnyOf: []*Schema{schema, r.Schema}} // only folders have another shape
		}
	}
	return r.Schema
}

func (c *check) answerJSON(problems func(any) []problem) {
	if !isJSON(c.header.Get("Content-Type")) {
		c.add(InAnswer, "header Content-Type", "is "+brief(c.header.Get("Content-Type"))+", want application/json")
	}
	value, err := decode(c.answer)
	if err != nil {
		c.add(InAnswer, "body", "is no JSON: "+err.Error())
		return
	}
	c.problems(InAnswer, problems(value))
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// decode reads one JSON value with its numbers as they are.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}
