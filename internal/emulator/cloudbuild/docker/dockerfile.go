package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	lex "github.com/moby/buildkit/frontend/dockerfile/shell"
)

// maxDockerfile bounds a Dockerfile; it is a pull request's file.
const maxDockerfile = 1 << 20

// A dockerfile is a parsed Dockerfile and what a build makes of it.
type dockerfile struct {
	e       *Engine
	request request
	name    string // for messages
	stages  []instructions.Stage
	meta    []instructions.ArgCommand // before the first FROM
	lex     *lex.Lex
	ignore  ignoreFile
	keys    map[int]string
	stdout  io.Writer
	stderr  io.Writer
}

// make builds an image, or the stage that the request names.
func (e *Engine) make(ctx context.Context, r request, c call) (built, error) {
	d := &dockerfile{e: e, request: r, name: e.show(r.dockerfile), keys: map[int]string{}, stdout: c.Stdout, stderr: c.Stderr}
	if err := d.parse(); err != nil {
		return built{}, err
	}
	var err error
	if d.ignore, err = readIgnoreFile(r.context, r.dockerfile); err != nil {
		return built{}, err
	}
	target := len(d.stages) - 1
	if r.target != "" {
		if target, err = d.stage(r.target, len(d.stages)); err != nil {
			return built{}, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return d.make(ctx, target)
}

func (d *dockerfile) parse() error {
	f, err := os.Open(d.request.dockerfile)
	if err != nil {
		return fmt.Errorf("reading %s: %w", d.name, errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxDockerfile+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", d.name, err)
	}
	if len(text) > maxDockerfile {
		return fmt.Errorf("%s: longer than %d bytes", d.name, maxDockerfile)
	}
	result, err := parser.Parse(strings.NewReader(string(text)))
	if err != nil {
		return d.at(nil, err)
	}
	d.lex = lex.NewLex(result.EscapeToken)
	if d.stages, d.meta, err = instructions.Parse(result.AST, nil); err != nil {
		return d.at(nil, err)
	}
	if len(d.stages) == 0 {
		return fmt.Errorf("%s: no FROM", d.name)
	}
	return nil
}

// stage finds a stage by name or number among the first n.
func (d *dockerfile) stage(name string, n int) (int, error) {
	if i, ok := instructions.HasStage(d.stages[:n], name); ok {
		return i, nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < n {
		return i, nil
	}
	return 0, fmt.Errorf("no stage %q", name)
}

// at puts file and line before an error: those of location, or those that the parser gave.
func (d *dockerfile) at(location []parser.Range, err error) error {
	var located *parser.LocationError
	if len(location) == 0 && errors.As(err, &located) {
		for _, l := range located.Locations {
			location = l
		}
	}
	if len(location) == 0 {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return fmt.Errorf("%s:%d: %w", d.name, location[0].Start.Line, err)
}

// variables are what $NAME means at a place of a Dockerfile.
type variables map[string]string

// Get implements the lexer's EnvGetter.
func (v variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Keys implements the lexer's EnvGetter.
func (v variables) Keys() []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	return names
}

func (d *dockerfile) expand(word string, v variables) (string, error) {
	result, _, err := d.lex.ProcessWord(word, v)
	return result, err
}

// globalArgs are the ARGs before the first FROM.
func (d *dockerfile) globalArgs() (variables, error) {
	v := variables{}
	for _, meta := range d.meta {
		for _, arg := range meta.Args {
			value, ok := d.request.args[arg.Key]
			if !ok && arg.Value != nil {
				var err error
				if value, err = d.expand(*arg.Value, v); err != nil {
					return nil, d.at(meta.Location(), err)
				}
			}
			v[arg.Key] = value
		}
	}
	return v, nil
}
