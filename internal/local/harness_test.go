package local

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/process"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// patience is how long one thing may take until a scenario gives up. Nothing waits for it to pass.
const patience = 3 * time.Minute

// sideBySide is how many scenarios run at once.
const sideBySide = 4

func TestMain(m *testing.M) {
	// Race detectors of supervisors would wait a second each.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	process.Main()
	flag.Parse()
	// Scenarios mostly wait for each other's builds, so that more of them fit beside each other than there are processors.
	if err := flag.Set("test.parallel", strconv.Itoa(sideBySide)); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

// run ends the tests with what holds for all of them: every pull request is closed by then, so nothing may be left.
func run(m *testing.M) (code int) {
	code = m.Run()
	defer func() { // when no cloud is left that could find more
		if violations.tell() {
			code = max(code, 1)
		}
	}()
	if theCloud.world == nil {
		return code
	}
	defer func() {
		theCloud.world.Close()
		_ = os.RemoveAll(theCloud.dir)
	}()
	if code != 0 {
		return code
	}
	if err := theCloud.world.Check(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "after all scenarios:\n%v\n", err)
		return 1
	}
	if refusals := theCloud.world.refusals(); len(refusals) > 0 {
		fmt.Fprintf(os.Stderr, "during the scenarios:\n%s\n", strings.Join(refusals, "\n"))
		return 1
	}
	return 0
}

// violations are what all scenarios asked of the far ends, or were answered, otherwise than the providers' descriptions
// have it, with how often. None is what is wanted.
var violations = violationList{counts: map[string]int{}}

type violationList struct {
	mu     sync.Mutex
	counts map[string]int
}

func (l *violationList) add(v conformance.Violation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[v.String()]++
}

func (l *violationList) tell() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text, n := range l.counts {
		fmt.Fprintf(os.Stderr, "%s, %d times: %s\n", conformance.LogMessage, n, text)
	}
	return len(l.counts) > 0
}

// theCloud is the local cloud that the scenarios share. Scenarios that run side by side keep to pull requests of their own;
// those that change what is everybody's (faults, latencies, traffic) don't run side by side.
var theCloud struct {
	once  sync.Once
	world *world
	dir   string
	err   error
}

// A world is a local cloud with Gangway in it.
type world struct{ *Local }

// shared starts the shared cloud, or returns the one that runs.
func shared(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("scenarios take a while")
	}
	theCloud.once.Do(func() {
		theCloud.dir, theCloud.err = os.MkdirTemp("", "gangway-scenarios-") //nolint:usetesting // it outlives this test
		if theCloud.err != nil {
			return
		}
		theCloud.world, theCloud.err = start(context.Background(), theCloud.dir, false, func(text string) string {
			return strings.Replace(text, "previews {\n", "previews {\n  forks = \"approved\"\n  bots  = [\"renovate[bot]\"]\n", 1)
		})
	})
	if theCloud.err != nil {
		t.Fatal(theCloud.err)
	}
	return theCloud.world
}

// alone starts a cloud for one test.
func alone(t *testing.T, configure func(string) string) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("scenarios take a while")
	}
	w, err := start(context.Background(), t.TempDir(), true, configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		for _, refusal := range w.refusals() {
			t.Error(refusal)
		}
	})
	return w
}

// plenty of requests to GitHub: the checker, which looks again and again, takes them from the App's own.
const plenty = 1_000_000

// start starts a local cloud, with Terraform's states and the sources of builds in buckets, as on Google Cloud, or without.
func start(ctx context.Context, dir string, buckets bool, configure func(string) string) (*world, error) {
	file, err := os.OpenFile(LogFile(dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	log, err := telemetry.New(telemetry.Options{Writer: file, Format: "text", Level: slog.LevelDebug})
	if err != nil {
		return nil, err
	}
	l, err := Start(ctx, Options{
		Dir: dir, Latency: emulator.Fast, Provider: "served", Out: discard{}, Log: log, configure: configure,
		quota: plenty, buckets: buckets, violation: violations.add,
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &world{Local: l}, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// lasting is a context that clean-ups may use too.
func lasting(t *testing.T) context.Context {
	t.Helper()
	return context.WithoutCancel(t.Context())
}

// until asks done again and again until it holds. What it says otherwise is shown when that takes too long.
func until(t *testing.T, what string, done func() (ok bool, now string)) {
	t.Helper()
	seldom(t, what, 20*time.Millisecond, done)
}

// seldom is until for what is much work to ask: the first pause is pace.
func seldom(t *testing.T, what string, pace time.Duration, done func() (ok bool, now string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for most := max(pace, 250*time.Millisecond); ; pace = min(pace+pace/4, most) {
		ok, now := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for: %s\nnow: %s", patience, what, now)
		}
		time.Sleep(pace)
	}
}

// sweeps waits until the sweep has looked at everything n times more.
func (w *world) sweeps(t *testing.T, n int) {
	t.Helper()
	began := w.logged(t, "msg=swept")
	until(t, fmt.Sprintf("%d sweeps", n), func() (bool, string) {
		now := w.logged(t, "msg=swept")
		return now >= began+n, fmt.Sprintf("%d of them", now-began)
	})
}

// logged counts the lines of the log that hold all of words.
func (w *world) logged(t *testing.T, words ...string) int {
	t.Helper()
	text, err := os.ReadFile(LogFile(w.o.Dir))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		fits := true
		for _, word := range words {
			fits = fits && strings.Contains(line, word)
		}
		if fits {
			n++
		}
	}
	return n
}

// excerpt is the newest part of the log that has to do with a pull request.
func (w *world) excerpt(number int) string {
	text, err := os.ReadFile(filepath.Clean(LogFile(w.o.Dir)))
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, fmt.Sprintf("/%d ", number)) || strings.Contains(line, fmt.Sprintf("pr-%d-", number)) ||
			strings.Contains(line, fmt.Sprintf("pr=%d ", number)) || strings.Contains(line, "msg=sweep ") {
			if !strings.Contains(line, "level=DEBUG") {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-60):], "")
}

// secret is the webhook's.
func (w *world) secret(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(w.SecretFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
