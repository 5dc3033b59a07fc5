package cloudrun

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// stopTimeout is how long a container has between SIGTERM and SIGKILL:
// https://cloud.google.com/run/docs/container-contract#instance-shutdown
const stopTimeout = 10 * time.Second

// maxTail bounds what of a log is repeated in a message.
const maxTail = 2048

// boot starts the processes of a revision and waits until the one with the port listens.
func (s *Server) boot(i *instance, r *revision) error {
	var err error
	if i.port, err = s.running.takePort(rand.IntN); err != nil {
		return fmt.Errorf("starting revision %q: %w", r.Name, err)
	}
	if i.log, err = s.openLog(r); err != nil {
		return fmt.Errorf("starting revision %q: %w", r.Name, err)
	}
	if i.logStart, err = i.log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("starting revision %q: %w", r.Name, err)
	}
	listener, err := listen(0)
	if err != nil {
		return fmt.Errorf("starting revision %q: %w", r.Name, err)
	}
	i.metadata = s.serveMetadata(listener, r)
	containers := list(r.Template, "containers")
	// The container with the port first: it is the one whose end is the instance's.
	slices.SortStableFunc(containers, func(a, b object) int { return cmp.Compare(len(list(b, "ports")), len(list(a, "ports"))) })
	for _, c := range containers {
		spec, err := s.command(i, r, c, listener.Addr().String())
		if err != nil {
			return err
		}
		p, err := process.Start(spec)
		if err != nil {
			return &startError{"HEALTH_CHECK_CONTAINER_ERROR", "The container failed to start: " + err.Error()}
		}
		i.processes = append(i.processes, p)
	}
	return s.awaitListening(i, containers[0])
}

// command is how a container is run here.
func (s *Server) command(i *instance, r *revision, c object, metadata string) (process.Spec, error) {
	im, err := s.image(r, text(c, "image"))
	if err != nil {
		return process.Spec{}, &startError{"CONTAINER_MISSING", fmt.Sprintf("Image '%s' not found.", text(c, "image"))}
	}
	env, err := s.environment(r, c, im.Config.Env)
	if err != nil {
		return process.Spec{}, err
	}
	if len(list(c, "ports")) > 0 {
		env["PORT"] = strconv.Itoa(i.port)
	}
	env["GCE_METADATA_HOST"], env["GCE_METADATA_IP"] = metadata, metadata
	argv := slices.Concat(words(c, "command", im.Config.Entrypoint), words(c, "args", defaultArgs(c, im.Config.Cmd)))
	if len(argv) == 0 {
		return process.Spec{}, &startError{"HEALTH_CHECK_CONTAINER_ERROR", "The container has no command."}
	}
	dir := filepath.Join(im.Root, filepath.FromSlash(cmp.Or(text(c, "workingDir"), im.Config.WorkingDir)))
	return process.Spec{
		Path: executable(im.Root, dir, argv[0]), Args: argv[1:], Env: assignments(env), Dir: dir,
		Stdout: i.log, Stderr: i.log, StopTimeout: stopTimeout,
	}, nil
}

// image finds an image by the digest that its name had when the revision first started: a tag may have moved since.
func (s *Server) image(r *revision, ref string) (image.Image, error) {
	s.mu.RLock()
	pinned := r.Digests[ref]
	s.mu.RUnlock()
	im, err := s.options.Images.Get(cmp.Or(pinned, ref))
	if err != nil || pinned != "" {
		return im, err
	}
	repository, _, _ := strings.Cut(ref, "@")
	if n := strings.LastIndexByte(repository, ':'); n > strings.LastIndexByte(repository, '/') {
		repository = repository[:n]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored := s.state.Revisions[r.resource()]; stored != nil {
		digests := maps.Clone(stored.Digests)
		digests[ref] = repository + "@" + im.Digest
		stored.Digests = digests
	}
	return im, nil
}

// environment is what a container gets, without what depends on the instance.
func (s *Server) environment(r *revision, c object, fromImage []string) (map[string]string, error) {
	edge := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.options.EdgePort()))
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.TempDir(), "TMPDIR": os.TempDir(),
		"K_SERVICE": r.Service, "K_REVISION": r.Name, "K_CONFIGURATION": r.Service,
		// Names below localhost are resolved by few resolvers: the edge, as a proxy, knows all of ours. An entry
		// "localhost" in NO_PROXY would exempt them.
		"HTTP_PROXY": edge, "http_proxy": edge, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
	}
	for _, assignment := range fromImage {
		// The image's PATH is that of its file system, which is not this process's.
		if name, value, ok := strings.Cut(assignment, "="); ok && name != "PATH" {
			env[name] = value
		}
	}
	for _, v := range list(c, "env") {
		name := text(v, "name")
		ref := child(child(v, "valueSource"), "secretKeyRef")
		if len(ref) == 0 {
			env[name] = text(v, "value")
			continue
		}
		secret, version := filepath.Base(text(ref, "secret")), cmp.Or(text(ref, "version"), "latest")
		value, ok := s.options.Secret(r.Project, secret, version)
		if !ok {
			return nil, &startError{"SECRETS_ACCESS_CHECK_FAILED", fmt.Sprintf(
				"Secret projects/%s/secrets/%s/versions/%s was not found", googleapi.ProjectNumber(r.Project), secret, version)}
		}
		env[name] = value
	}
	return env, nil
}

// words is a list of strings in an object, or fallback when there is none.
func words(o object, key string, fallback []string) []string {
	values, _ := o[key].([]any)
	if len(values) == 0 {
		return fallback
	}
	var all []string
	for _, v := range values {
		if v, ok := v.(string); ok {
			all = append(all, v)
		}
	}
	return all
}

// defaultArgs is the image's CMD, which a command in the template replaces together with the ENTRYPOINT.
func defaultArgs(c object, cmd []string) []string {
	if len(words(c, "command", nil)) > 0 {
		return nil
	}
	return cmd
}

// executable is where a command of an image is on this machine: in the image, or else a program of the machine's own.
func executable(root, dir, command string) string {
	switch {
	case filepath.IsAbs(command):
		if inside := filepath.Join(root, command); isFile(inside) {
			return inside
		}
		return command
	case strings.ContainsRune(command, '/'):
		return filepath.Join(dir, command)
	}
	for _, bin := range []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"} {
		if inside := filepath.Join(root, bin, command); isFile(inside) {
			return inside
		}
	}
	return command
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func assignments(env map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		all = append(all, name+"="+env[name])
	}
	return all
}

// awaitListening is the startup probe: https://cloud.google.com/run/docs/configuring/healthchecks
func (s *Server) awaitListening(i *instance, c object) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(i.port))
	port := 8080
	if ports := list(c, "ports"); len(ports) > 0 {
		port = number(ports[0]["containerPort"])
	}
	path := text(child(child(c, "startupProbe"), "httpGet"), "path")
	deadline := time.After(s.options.StartTimeout)
	main := i.processes[0]
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if probe(address, path) {
			return nil
		}
		select {
		case <-i.stopping:
			return errStopped
		case <-main.Done():
			return &startError{"HEALTH_CHECK_CONTAINER_ERROR", notListening(port) + fmt.Sprintf(
				"\nContainer called exit(%d).%s", main.ExitCode(), i.tail())}
		case <-deadline:
			return &startError{"HEALTH_CHECK_CONTAINER_ERROR", notListening(port) + i.tail()}
		case <-time.After(wait):
		}
	}
}

// probe tells whether something listens on address and, when a path is given, answers a GET well.
func probe(address, path string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode >= 200 && answer.StatusCode < 400
}

// tail is the end of what the instance has logged, on lines of its own.
func (i *instance) tail() string {
	f, err := os.Open(i.log.Name())
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end <= i.logStart {
		return ""
	}
	start := max(i.logStart, end-maxTail)
	data := make([]byte, end-start)
	n, _ := f.ReadAt(data, start)
	data = bytes.TrimSpace(bytes.ToValidUTF8(data[:n], []byte("?")))
	if start > i.logStart {
		_, data, _ = bytes.Cut(data, []byte("\n")) // the first line is cut
	}
	return "\n" + string(data)
}

func (s *Server) logFile(project, location, name string) string {
	return filepath.Join(s.options.Dir, "logs", project, location, name+".log")
}

func (s *Server) openLog(r *revision) (*os.File, error) {
	path := s.logFile(r.Project, r.Location, r.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// getLog shows what a revision has written: GET /emulator/logs/PROJECT/LOCATION/REVISION.
func (s *Server) getLog(w http.ResponseWriter, r *http.Request) {
	project, location, name := r.PathValue("project"), r.PathValue("location"), r.PathValue("revision")
	if !filepath.IsLocal(project) || !filepath.IsLocal(location) || !revisionID.MatchString(name) {
		http.NotFound(w, r)
		return
	}
	data, err := os.ReadFile(s.logFile(project, location, name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data)
}
