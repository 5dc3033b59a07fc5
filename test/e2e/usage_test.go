package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the commands say to somebody who asks, or who has made a mistake.
func TestUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.hcl")
	if err := os.WriteFile(broken, []byte("environment {\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := []string{"GITHUB_APP_ID=1", "GITHUB_APP_KEY=x", "GITHUB_WEBHOOK_SECRETS=s", "GANGWAY_METRICS_ADDR=off"}
	for _, c := range []struct {
		name    string
		args    []string
		env     []string
		status  int
		says    []string // on standard output when all is well, else on standard error
		unspoke string
	}{
		{name: "webhook", args: []string{"--help"}, says: []string{
			"usage: webhook [--role receive|intake|all]", "POST /github/webhook", "GITHUB_APP_ID\n        required",
			"PORT=8080\n", "GITHUB_WEBHOOK_SECRETS_FILE\n        required", "GANGWAY_CONFIG=gangway.hcl\n",
		}},
		{name: "webhook", args: []string{"-h"}, says: []string{"usage: webhook"}},
		{name: "webhook", args: []string{"--rôle"}, status: 1, says: []string{"-rôle", "webhook --help"}},
		{name: "webhook", args: []string{"--role", "both"}, env: app, status: 1, says: []string{`"both"`, "receive, intake or all"}},
		{name: "webhook", args: []string{"serve"}, status: 1, says: []string{`unexpected argument "serve"`, "webhook --help"}},
		{name: "webhook", status: 1, says: []string{"GITHUB_APP_ID is missing", "GITHUB_APP_KEY_FILE is missing", "GITHUB_WEBHOOK_SECRETS is missing"}},
		{
			name: "webhook", args: []string{"--role", "receive"}, status: 1, says: []string{"GITHUB_WEBHOOK_SECRETS is missing"},
			unspoke: "GITHUB_APP_ID",
		},
		{name: "webhook", env: append(app, "GITHUB_APP_ID=mine"), status: 1, says: []string{"AppID", "mine"}},
		{name: "webhook", env: app, status: 1, says: []string{"gangway.hcl", "no such file"}},
		{name: "webhook", env: append(app, "GANGWAY_CONFIG="+broken), status: 1, says: []string{"broken.hcl:1"}},
		{name: "aggregator", args: []string{"--help"}, says: []string{
			"usage: aggregator", "GANGWAY_STACKS=.gangway/stacks\n", "GANGWAY_PROVIDER=registry\n", "GITHUB_APP_ID\n        required",
		}},
		{name: "aggregator", args: []string{"--role", "all"}, status: 1, says: []string{"-role", "aggregator --help"}},
		{name: "aggregator", env: append(app, "GANGWAY_PROVIDER=mine", "GANGWAY_LEASE=-1s"), status: 1, says: []string{
			`GANGWAY_PROVIDER is "mine"`, "GANGWAY_LEASE is -1s",
		}},
		{name: "gangway", says: []string{"Try it:      gangway local", "gangway init", "emulate", "local"}},
		{name: "gangway", args: []string{"--help"}, says: []string{"Try it:      gangway local"}},
		{name: "gangway", args: []string{"local", "--help"}, says: []string{"--exit", "--dir", "gangway local pr"}},
		{name: "gangway", args: []string{"emulate", "--help"}, says: []string{"--env-file", "--webhook", "--shop"}},
		{name: "gangway", args: []string{"locla"}, status: 2, says: []string{`"gangway locla"`, "did you mean local?", "gangway --help"}},
		{name: "gangway", args: []string{"local", "--latency", "slow"}, status: 2, says: []string{`"slow"`, "fast or real"}},
		{name: "gangway", args: []string{"local", "--provider", "mine"}, status: 2, says: []string{`"mine"`, "served or registry"}},
		{name: "gangway", args: []string{"local", "extra"}, status: 2, says: []string{`extra"`, "gangway local --help"}},
		{name: "gangway", args: []string{"local", "--exti"}, status: 2, says: []string{"--exti"}},
	} {
		t.Run(strings.Join(append([]string{c.name}, c.args...), " "), func(t *testing.T) {
			t.Parallel()
			status, out, problems := once(t, time.Minute, environment(c.env...), c.name, c.args...)
			said, silent := out, problems
			if c.status != 0 {
				said, silent = problems, out
			}
			if status != c.status || silent != "" {
				t.Errorf("it ends with %d, want %d, and says\n%s%s", status, c.status, out, problems)
			}
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q, but\n%s", want, said)
				}
			}
			if c.unspoke != "" && strings.Contains(said, c.unspoke) {
				t.Errorf("it speaks of %q:\n%s", c.unspoke, said)
			}
			if strings.Contains(said, "panic") || strings.Contains(said, "goroutine") {
				t.Errorf("it panics:\n%s", said)
			}
		})
	}
}
