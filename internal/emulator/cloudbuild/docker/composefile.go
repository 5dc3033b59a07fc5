package docker

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxComposeFile bounds a compose file; it is a pull request's.
const maxComposeFile = 1 << 20

// A composeFile is the part of a compose file that is understood here:
// https://github.com/compose-spec/compose-spec/blob/main/spec.md
type composeFile struct {
	name     string // for messages
	env      map[string]string
	services []*service
}

// A service of a compose file.
type service struct {
	name        string
	line        int
	image       string
	build       *buildSpec
	command     []string
	entrypoint  []string
	environment []string // NAME=value, in order
	dependsOn   map[string]string
	ports       []string // container ports
	workingDir  string
	health      []string // command
}

type buildSpec struct {
	context, dockerfile, target string
	args                        []string
}

// Conditions of depends_on.
const (
	conditionStarted   = "service_started"
	conditionHealthy   = "service_healthy"
	conditionCompleted = "service_completed_successfully"
)

func parseComposeFile(path, name string, env map[string]string) (*composeFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxComposeFile))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &composeFile{name: name, env: env}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: empty", name)
	}
	err = c.each(doc.Content[0], func(key string, value *yaml.Node) error {
		switch key {
		case "services":
			return c.each(value, c.service)
		case "name", "version":
			return nil
		}
		return c.unsupported(value, key)
	})
	return c, err
}

func (c *composeFile) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", c.name, n.Line, fmt.Errorf(format, args...))
}

func (c *composeFile) unsupported(n *yaml.Node, key string) error {
	return c.errorf(n, "%s: %w", key, errUsage)
}

// each calls f for each entry of a mapping.
func (c *composeFile) each(n *yaml.Node, f func(key string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return c.errorf(n, "a mapping is wanted here")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if n.Content[i].Value == "<<" {
			return c.errorf(n.Content[i], "merge keys: %w", errUsage)
		}
		if err := f(n.Content[i].Value, value); err != nil {
			return err
		}
	}
	return nil
}

func (c *composeFile) service(name string, n *yaml.Node) error {
	s := &service{name: name, line: n.Line, dependsOn: map[string]string{}}
	c.services = append(c.services, s)
	return c.each(n, func(key string, v *yaml.Node) (err error) {
		switch key {
		case "image":
			s.image, err = c.text(v)
		case "build":
			s.build, err = c.build(v)
		case "command":
			s.command, err = c.command(v)
		case "entrypoint":
			s.entrypoint, err = c.command(v)
		case "environment":
			s.environment, err = c.pairs(v)
		case "depends_on":
			err = c.dependsOn(s, v)
		case "expose", "ports":
			err = c.ports(s, v)
		case "working_dir":
			s.workingDir, err = c.text(v)
		case "healthcheck":
			err = c.health(s, v)
		case "container_name", "hostname", "restart", "init", "user", "labels", "platform", "pull_policy", "stop_grace_period":
		default:
			return c.unsupported(v, "services."+name+"."+key)
		}
		return err
	})
}

func (c *composeFile) build(n *yaml.Node) (*buildSpec, error) {
	b := &buildSpec{}
	if n.Kind == yaml.ScalarNode {
		var err error
		b.context, err = c.text(n)
		return b, err
	}
	b.context = "."
	err := c.each(n, func(key string, v *yaml.Node) (err error) {
		switch key {
		case "context":
			b.context, err = c.text(v)
		case "dockerfile":
			b.dockerfile, err = c.text(v)
		case "target":
			b.target, err = c.text(v)
		case "args":
			b.args, err = c.pairs(v)
		case "cache_from", "cache_to", "labels", "pull":
		default:
			return c.unsupported(v, "build."+key)
		}
		return err
	})
	return b, err
}

// command is a list, or a line that is split as a shell does.
func (c *composeFile) command(n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.ScalarNode {
		line, err := c.text(n)
		if err != nil {
			return nil, err
		}
		words, err := split(line)
		if err != nil {
			return nil, c.errorf(n, "%q: %w", line, err)
		}
		return words, nil
	}
	return c.list(n)
}

func (c *composeFile) list(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, c.errorf(n, "a list is wanted here")
	}
	words := []string{}
	for _, item := range n.Content {
		word, err := c.text(item)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// pairs is a mapping or a list of NAME=value.
func (c *composeFile) pairs(n *yaml.Node) ([]string, error) {
	var found []string
	if n.Kind == yaml.SequenceNode {
		list, err := c.list(n)
		for _, kv := range list {
			if !strings.Contains(kv, "=") {
				value, ok := c.env[kv]
				if !ok {
					continue
				}
				kv += "=" + value
			}
			found = append(found, kv)
		}
		return found, err
	}
	err := c.each(n, func(key string, v *yaml.Node) error {
		value, err := c.text(v)
		if v.Tag == "!!null" {
			var ok bool
			if value, ok = c.env[key]; !ok {
				return nil
			}
		}
		found = append(found, key+"="+value)
		return err
	})
	return found, err
}

func (c *composeFile) dependsOn(s *service, n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		names, err := c.list(n)
		for _, name := range names {
			s.dependsOn[name] = conditionStarted
		}
		return err
	}
	return c.each(n, func(name string, v *yaml.Node) error {
		s.dependsOn[name] = conditionStarted
		return c.each(v, func(key string, v *yaml.Node) error {
			switch {
			case key == "condition" && (v.Value == conditionStarted || v.Value == conditionHealthy || v.Value == conditionCompleted):
				s.dependsOn[name] = v.Value
				return nil
			case key == "required" || key == "restart":
				return nil
			}
			return c.unsupported(v, "depends_on."+key+" "+v.Value)
		})
	})
}

// ports keeps the container's side of each: "8080", "8080:80", "127.0.0.1:8080:80/tcp".
func (c *composeFile) ports(s *service, n *yaml.Node) error {
	list, err := c.list(n)
	for _, p := range list {
		p, _, _ = strings.Cut(p, "/")
		s.ports = append(s.ports, p[strings.LastIndexByte(p, ':')+1:])
	}
	return err
}

func (c *composeFile) health(s *service, n *yaml.Node) error {
	return c.each(n, func(key string, v *yaml.Node) error {
		switch key {
		case "test":
			if v.Kind == yaml.ScalarNode {
				line, err := c.text(v)
				s.health = []string{"/bin/sh", "-c", line}
				return err
			}
			words, err := c.list(v)
			if err != nil || len(words) == 0 {
				return err
			}
			switch words[0] {
			case "CMD":
				s.health = words[1:]
			case "CMD-SHELL":
				s.health = []string{"/bin/sh", "-c", strings.Join(words[1:], " ")}
			case "NONE":
			default:
				return c.unsupported(v, "healthcheck.test "+words[0])
			}
			return nil
		case "interval", "timeout", "retries", "start_period", "start_interval":
			return nil
		}
		return c.unsupported(v, "healthcheck."+key)
	})
}

// variable is $$, $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message} and ${NAME?message}.
var variable = regexp.MustCompile(`\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^{}]*))?\})`)

// text is a scalar with its variables replaced.
func (c *composeFile) text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", c.errorf(n, "a text is wanted here")
	}
	var failed error
	text := variable.ReplaceAllStringFunc(n.Value, func(found string) string {
		m := variable.FindStringSubmatch(found)
		if m[1] != "" {
			return "$"
		}
		name, operator, word := m[2]+m[3], m[4], m[5]
		value, set := c.env[name]
		if set && (value != "" || !strings.HasPrefix(operator, ":")) || operator == "" {
			return value
		}
		if strings.HasSuffix(operator, "?") {
			failed = c.errorf(n, "%s is not set: %s", name, word)
		}
		return word
	})
	return text, failed
}

func (c *composeFile) find(name string) (*service, error) {
	for _, s := range c.services {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: no such service: %s", c.name, name)
}
