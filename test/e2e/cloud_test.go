package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/checker"
	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
	"github.com/gangway-dev/gangway/internal/local"
)

// account is how the local cloud's service accounts are named.
func account(name string) string { return name + "@" + local.Project + ".iam.gserviceaccount.com" }

// A cloud is the emulated far ends with the shop as an environment, and the webhook and the aggregator as processes.
type cloud struct {
	life     *testing.T // what is started lives as long as this test
	dir      string
	settings []string // of both commands, beside what the far ends say
	google   bool     // the store and Pub/Sub are Google's emulators
	emulate  *program
	far      map[string]string // what the far ends say: names and values of the environment
	front    *front
	hub      *local.Hub
	world    checker.World

	commands map[string]*program
	starts   int // counts output files
}

// newCloud starts everything. settings go over those of every test.
func newCloud(t *testing.T, settings ...string) *cloud {
	t.Helper()
	c := &cloud{life: t, dir: t.TempDir(), front: newFront(t), commands: map[string]*program{}}
	c.set(t, settings)
	return c
}

// newGoogleCloud is newCloud with Google's emulators of Firestore and Pub/Sub.
func newGoogleCloud(t *testing.T, settings ...string) *cloud {
	t.Helper()
	gcloudtest.Need(t)
	c := &cloud{life: t, dir: t.TempDir(), front: newFront(t), commands: map[string]*program{}, google: true}
	c.set(t, settings)
	return c
}

func (c *cloud) set(t *testing.T, settings []string) {
	t.Helper()
	temporary, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // t.TempDir's paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temporary) })
	c.settings = append([]string{
		"TMPDIR=" + temporary, "GANGWAY_STACKS=" + filepath.Join(c.dir, "stacks"),
		"GANGWAY_POLL_INTERVAL=200ms", "GANGWAY_SWEEP_INTERVAL=3s", "GANGWAY_LEASE=3s",
		"GANGWAY_PROVIDER=served", "GANGWAY_PROVIDER_POLL=20ms", "GANGWAY_METRICS_ADDR=off",
		"GANGWAY_HOST=127.0.0.1", "PORT=0", "GANGWAY_LOG_FORMAT=text", "GANGWAY_LOG_LEVEL=DEBUG",
	}, settings...)
	c.startEmulate(t)
	c.hub, err = local.OpenHub(c.emulateDir())
	if err != nil {
		t.Fatal(err)
	}
	c.describe(t)
}

// newRunningCloud is newCloud with webhook and aggregator.
func newRunningCloud(t *testing.T, settings ...string) *cloud {
	t.Helper()
	c := newCloud(t, settings...)
	c.start(t, "webhook")
	c.start(t, "aggregator")
	return c
}

func (c *cloud) emulateDir() string { return filepath.Join(c.dir, "emulate") }

// output is a new file for what a program writes.
func (c *cloud) output(name string) string {
	c.starts++
	return filepath.Join(c.dir, fmt.Sprintf("%s-%d.log", name, c.starts))
}

func (c *cloud) startEmulate(t *testing.T) {
	t.Helper()
	file := filepath.Join(c.dir, "env")
	args := []string{
		"emulate", "--shop", "--dir", c.emulateDir(), "--env-file", file, "--webhook", c.front.URL + "/github/webhook",
	}
	if c.google {
		args = append(args, "--store", "firestore", "--pubsub-emulator")
	}
	c.emulate = launch{c.life, c.output("emulate"), environment(c.settings[0])}.start(t, "gangway", args...)
	c.emulate.says(t, `(?m)^ready$`)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c.far = map[string]string{}
	for line := range strings.Lines(string(text)) {
		m := regexp.MustCompile(`^export (\w+)='(.*)'\n$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("the environment file has the line %q", line)
		}
		c.far[m[1]] = m[2]
	}
}

// describe tells the promise checker where to look.
func (c *cloud) describe(t *testing.T) {
	t.Helper()
	number, err := strconv.ParseInt(c.far["GITHUB_APP_ID"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(c.far["GITHUB_WEBHOOK_SECRETS_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	c.world = checker.World{
		GitHub: c.far["GITHUB_API_URL"], AppID: number, AppKeyFile: c.far["GITHUB_APP_KEY_FILE"],
		APIGateway: c.far["GANGWAY_API_GATEWAY_ENDPOINT"], CloudRun: c.far["GANGWAY_CLOUD_RUN_ENDPOINT"],
		CloudBuild: c.far["GANGWAY_CLOUD_BUILD_ENDPOINT"],
		Project:    local.Project, Region: local.Region, Installation: "local", Repositories: []string{local.Repository},
		BuildAccount: account("preview-build"), Stacks: filepath.Join(c.dir, "stacks"),
		Secrets: []string{strings.TrimSpace(string(secret))},
	}
	for _, name := range []string{"catalog", "orders", "users"} {
		c.world.Services = append(c.world.Services,
			checker.Service{Name: name, Repository: local.Repository, Paths: []string{name}})
	}
	before, err := checker.ReadTraffic(t.Context(), c.world)
	if err != nil {
		t.Fatal(err)
	}
	c.world.Environment = &before
}

// start starts a command, or another instance of it, and waits until it works.
func (c *cloud) start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	env := environment("GANGWAY_STORE=" + filepath.Join(c.dir, "store.db"))
	for _, name := range slices.Sorted(maps.Keys(c.far)) {
		env = append(env, name+"="+c.far[name])
	}
	output := c.output(name)
	p := launch{c.life, output, append(env, c.settings...)}.start(t, name, args...)
	c.world.Files = append(c.world.Files, output)
	c.commands[name] = p
	switch {
	case name == "aggregator":
		p.says(t, `msg=aggregating`)
	case !slices.Contains(args, "intake"):
		url := "http://" + p.says(t, `msg=receiving .*address=(\S+)`)
		eventually(t, time.Minute, "the webhook is ready", func() []string {
			if status, body, err := get(t.Context(), url+"/readyz"); err != nil || status != http.StatusOK {
				return []string{fmt.Sprint(status, body, err)}
			}
			return nil
		})
		p.url = url
		c.front.leadTo(url)
	}
	return p
}

// kill is kill -9 of a command.
func (c *cloud) kill(name string) { c.commands[name].kill() }

// calm ends everything that a test has told the far ends to do wrong or slowly.
func (c *cloud) calm(t *testing.T) {
	t.Helper()
	call(t, http.MethodDelete, c.github()+"/emulator/faults", nil, nil)
	call(t, http.MethodPut, c.world.CloudRun+"/emulator/faults", object{}, nil)
	call(t, http.MethodPatch, c.world.APIGateway+"/emulator/apigateway/settings", object{"latency": fastGateways}, nil)
}

func (c *cloud) github() string { return strings.TrimSuffix(c.far["GITHUB_API_URL"], "/api/v3/") }
