package terraform

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxLine bounds a line of Terraform's output. A longer one, which no message of Terraform comes near, is dropped.
const maxLine = 4 << 20

// A stream reads the messages of `terraform apply -json` while they come
// (https://developer.hashicorp.com/terraform/internals/machine-readable-ui). It is written to by one goroutine.
type stream struct {
	observe     func(preview.StackEvent)
	rest        []byte
	skipping    bool
	diagnostics []diagnostic // errors only
	outputs     map[string]output
	changed     bool
}

// A message is a line of the stream, as far as it is of use here.
type message struct {
	Type       string            `json:"type"`
	Time       time.Time         `json:"@timestamp"`
	Hook       hook              `json:"hook"`
	Diagnostic diagnostic        `json:"diagnostic"`
	Outputs    map[string]output `json:"outputs"`
	Changes    changes           `json:"changes"`
}

type hook struct {
	Action   string   `json:"action"`
	Resource resource `json:"resource"`
}

type resource struct {
	Address string `json:"addr"`
	Type    string `json:"resource_type"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
}

type output struct {
	Value json.RawMessage `json:"value"`
}

type changes struct {
	Add       int    `json:"add"`
	Change    int    `json:"change"`
	Import    int    `json:"import"`
	Remove    int    `json:"remove"`
	Operation string `json:"operation"`
}

// Write takes a piece of the output. It never fails: what is no message is skipped.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			s.keep(p)
			break
		}
		s.keep(p[:end])
		if !s.skipping {
			s.line(s.rest)
		}
		s.rest, s.skipping = s.rest[:0], false
		p = p[end+1:]
	}
	return n, nil
}

func (s *stream) keep(p []byte) {
	if s.skipping || len(s.rest)+len(p) > maxLine {
		s.rest, s.skipping = s.rest[:0], true
		return
	}
	s.rest = append(s.rest, p...)
}

func (s *stream) line(line []byte) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return
	}
	switch m.Type {
	case "apply_start", "apply_complete", "apply_errored":
		s.event(m)
	case "diagnostic":
		if m.Diagnostic.Severity == "error" {
			s.diagnostics = append(s.diagnostics, m.Diagnostic)
		}
	case "outputs":
		s.outputs = m.Outputs
	case "change_summary":
		c := m.Changes
		if c.Operation != "plan" {
			s.changed = c.Add+c.Change+c.Import+c.Remove > 0
		}
		if c.Operation == "plan" && c.Import > 0 {
			// Terraform tells of an import only in its sums.
			s.tell(preview.StackEvent{Resource: resourceGateway, Action: "import", Done: true, At: m.Time})
		}
	}
}

func (s *stream) event(m message) {
	name := resourceName(m.Hook.Resource.Type)
	if name == "" {
		return
	}
	s.tell(preview.StackEvent{
		Resource: name, Action: m.Hook.Action, At: m.Time,
		Done: m.Type != "apply_start", Failed: m.Type == "apply_errored",
	})
}

func (s *stream) tell(e preview.StackEvent) {
	if s.observe != nil {
		s.observe(e)
	}
}

// text is the value of an output that is a string; "" without one.
func (s *stream) text(name string) string {
	var v string
	if err := json.Unmarshal(s.outputs[name].Value, &v); err != nil {
		return ""
	}
	return v
}

// What events and errors call the resources.
const (
	resourceAPI     = "api"
	resourceConfig  = "api_config"
	resourceGateway = "gateway"
)

// resourceName is the name of a resource type in events; "" for types that Gangway does not make.
func resourceName(kind string) string {
	switch kind {
	case "google_api_gateway_api":
		return resourceAPI
	case "google_api_gateway_api_config":
		return resourceConfig
	case "google_api_gateway_gateway":
		return resourceGateway
	}
	return ""
}
