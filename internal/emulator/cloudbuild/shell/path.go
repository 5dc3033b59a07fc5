package shell

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Mount says which directory of this machine is meant by a directory of the container.
type Mount struct {
	From string // absolute, cleaned: "/", "/workspace"
	To   string // absolute
}

// textPrograms get only existing paths mapped: their arguments are patterns and texts that may begin with a slash.
var textPrograms = []string{"sed", "awk", "grep", "egrep", "fgrep", "echo", "printf", "expr", "tr", "cut", "jq"}

// assignment is -flag=/path or NAME=/path.
var assignment = regexp.MustCompile(`^(--?[A-Za-z][A-Za-z0-9_-]*=|[A-Za-z_][A-Za-z0-9_]*=)(/.*)$`)

// Path maps an absolute path of the container; one that no mount covers, or that is mapped already, stays.
func (s Spec) Path(p string) string {
	if !path.IsAbs(p) || p == os.DevNull || strings.HasPrefix(p, "/dev/fd/") {
		return p
	}
	best := -1
	for i, m := range s.Mounts {
		if within(m.To, p) {
			return p
		}
		if within(m.From, p) && (best < 0 || len(m.From) > len(s.Mounts[best].From)) {
			best = i
		}
	}
	if best < 0 {
		return p
	}
	m := s.Mounts[best]
	// Cleaning an absolute path can't lead above the mount.
	mapped := filepath.Join(m.To, strings.TrimPrefix(path.Clean(p), m.From))
	if strings.HasSuffix(p, "/") {
		mapped += "/" // cp and go build tell directories by it
	}
	return mapped
}

func within(dir, p string) bool {
	return dir == "/" || p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// args maps the arguments of a command.
func (s Spec) args(args []string) []string {
	if len(args) < 2 || len(s.Mounts) == 0 {
		return args
	}
	text := slices.Contains(textPrograms, path.Base(args[0]))
	mapped := slices.Clone(args)
	for i, a := range mapped[1:] {
		prefix, p := "", a
		if m := assignment.FindStringSubmatch(a); m != nil {
			prefix, p = m[1], m[2]
		}
		if !path.IsAbs(p) {
			continue
		}
		to := s.Path(p)
		if _, err := os.Lstat(to); err != nil && text {
			continue
		}
		mapped[i+1] = prefix + to
	}
	return mapped
}

// environ maps a process's environment. Variables of the machine that nobody changed stay as they are.
func (s Spec) environ(env map[string]string) []string {
	host := map[string]string{}
	for _, kv := range s.Host {
		name, value, _ := strings.Cut(kv, "=")
		host[name] = value
	}
	var mapped []string
	for name, value := range env {
		switch unchanged, ok := host[name]; {
		case ok && unchanged == value:
		case name == "PATH":
			value = strings.Join(s.searchPath(value), string(os.PathListSeparator))
		case path.IsAbs(value):
			value = s.Path(value)
		}
		mapped = append(mapped, name+"="+value)
	}
	slices.Sort(mapped)
	return mapped
}

// searchPath maps the elements of PATH that exist in the container; the others are this machine's.
func (s Spec) searchPath(value string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(value) {
		if to := s.Path(dir); to != dir {
			if _, err := os.Stat(to); err == nil {
				dirs = append(dirs, to)
			}
		}
	}
	return append(dirs, filepath.SplitList(value)...)
}

// program finds what a command's first word names; "" when there is no such program.
func (s Spec) program(name, dir, searchPath string) string {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		for _, p := range []string{s.Path(name), name} {
			if executable(p) {
				return p
			}
		}
		return ""
	}
	for _, d := range s.searchPath(searchPath) {
		if p := filepath.Join(d, name); filepath.IsAbs(p) && executable(p) {
			return p
		}
	}
	return ""
}

func executable(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
