package main

import (
	"bytes"
	"io"
	"runtime/debug"
	"strings"
	"testing"
)

// TestWrongArguments: each mistake is told with what was meant, or where the help is.
func TestWrongArguments(t *testing.T) {
	for args, want := range map[string]string{
		"foo":                         `there is no command "gangway foo"`,
		"loca":                        "did you mean local?",
		"local extra":                 `there is no command "gangway local extra"`,
		"local --dirr x":              "unknown flag: --dirr\nHelp: gangway local --help",
		"local --latency slow":        `--latency is "slow": want fast or real`,
		"local --provider x":          `--provider is "x": want served or registry`,
		"local --store redis":         `--store is "redis": want sqlite or firestore`,
		"emulate --store redis":       `--store is "redis": want sqlite or firestore`,
		"local pr clos":               "did you mean close?",
		"local pr close":              "want gangway local pr close NUMBER",
		"local pr close 1 2":          `"2" is too much`,
		"local pr close x":            `"x" is no pull request's number`,
		"local pr push":               "want gangway local pr push NUMBER",
		"local pr push 1 a":           `"a": want FILE=PATH`,
		"local pr open --dir /absent": "no local cloud has run in /absent",
		"emulate x":                   `"x" is too much`,
		"version x":                   `"x" is too much`,
		"pin":                         "want gangway pin SERVICE",
		"pin a b":                     `"b" is too much`,
		"doctor x":                    `there is no command "gangway doctor x"`,
		"doctor --deadline 0s":        "--deadline is 0s: want a time such as 20s",
		"doctr":                       "did you mean doctor?",
		"init acme":                   `there is no command "gangway init acme"`,
		"init":                        "--project is missing: want a project's id, as acme-dev\n--region is missing: want a region",
		"init --skip-app --skip-config --project p":                     "leave nothing to do",
		"init --project p --region r --webhook-url http://x/y":          `--webhook-url is "http://x/y": want the output webhook_url of terraform/platform`,
		"init --project P --region r":                                   `--project is "P": want a project's id`,
		"init --project p --region r --github-url github.com":           `--github-url is "github.com": want https://github.com`,
		"init --project p --region r --port 70000":                      "--port is 70000: want 1 to 65535",
		"init --project p --region r --timeout 0s":                      "--timeout is 0s: want a time such as 15m",
		"init --project p --region r --organization a/b":                `--organization is "a/b": want its name`,
		"init --project p --region r --repository shop":                 `--repository is "shop": want OWNER/NAME`,
		"init --project p --region r --installation A":                  `--installation is "A": want the same as in Terraform`,
		"init --project p --region r --key-secret a/b":                  `--key-secret is "a/b": want the id of a secret`,
		"init --project p --region r --name " + strings.Repeat("x", 35): "--name has 35 characters: GitHub allows 34",

		"previews lis":                     "did you mean list?",
		"previews show":                    "want gangway previews show PREVIEW",
		"previews list --store /absent/db": "there is no store /absent/db: the commands' GANGWAY_STORE says where it is",

		"compose":                                 "give --config FILE, or --document SERVICE=FILE",
		"compose x":                               `there is no command "gangway compose x"`,
		"compose --document x":                    `--document is "x": want SERVICE=`,
		"compose --document a=absent.yaml":        "there is no file absent.yaml",
		"compose --backend a=https://x":           "give --document a=FILE before",
		"compose --document a=x --limit x=1":      `--limit is "x=1": want LIMIT=NUMBER, with one of alias-values`,
		"compose --document a=x --limit depth=0":  `--limit is "depth=0"`,
		"compose --config absent.hcl":             "absent.hcl",
		"compose --document a=x --format xml":     `--format is "xml": want yaml or json`,
		"compose --document a=x --openapi 3.1":    `--openapi is "3.1": want 2.0 or 3.0`,
		"diff":                                    "there is nothing to compare: give two files",
		"diff a.yaml":                             "one file is not enough",
		"diff a b c":                              `"c" is too much`,
		"diff a b --against main":                 "either compare two files, or give --config and --against",
		"diff --against main":                     "--against needs --config",
		"diff --config x.hcl":                     "--config needs --against",
		"diff a b --format xml":                   `--format is "xml": want text or json`,
		"diff a b --fail-on harmless":             `--fail-on is "harmless": want breaking, risky or none`,
		"diff absent1.yaml absent2.yaml":          "reading absent1.yaml",
		"diff --config absent.hcl --against main": "absent.hcl",
	} {
		c := root()
		c.SetArgs(strings.Fields(args))
		var out bytes.Buffer
		c.SetOut(&out)
		c.SetErr(&out)
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("gangway %s: %v; want %q", args, err, want)
		}
	}
}

// TestExitStatus: wrong use can be told from a failure.
func TestExitStatus(t *testing.T) {
	for args, want := range map[string]int{"doctor x": 2, "doctor --wrong": 2, "foo": 2, "pin": 2, "init": 2, "pin orders --config absent.hcl": 1} {
		c := root()
		c.SetArgs(strings.Fields(args))
		c.SetOut(io.Discard)
		if err := c.ExecuteContext(t.Context()); err == nil || exitStatus(err) != want {
			t.Errorf("gangway %s ends with %d (%v), want %d", args, exitStatus(err), err, want)
		}
	}
}

// TestHelp: every command says what it is for, and a group by itself shows its help.
func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"": "Try it:      gangway local", "--help": "version", "local --help": "--exit", "local pr": "Available Commands",
		"local pr push --help": "without files", "emulate --help": "--env-file", "version --help": "which Gangway",
		"init --help": "--webhook-url", "doctor --help": "--strict", "pin --help": "by name",
		"compose --help": "--override", "diff --help": "--fail-on",
	} {
		c := root()
		c.SetArgs(strings.Fields(args))
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("gangway %s: %v\n%s", args, err, out.String())
		}
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"},
		{Key: "vcs.time", Value: "2026-11-22T12:00:00Z"},
		{Key: "vcs.modified", Value: "true"},
	}}
	want := "gangway v1.2.3 commit 0123456789ab of 2026-11-22T12:00:00Z, modified go"
	if got := versionOf(info); !strings.HasPrefix(got, want) {
		t.Errorf("%q; want %q…", got, want)
	}
	for _, nothing := range []*debug.BuildInfo{nil, {}} {
		if got := versionOf(nothing); !strings.HasPrefix(got, "gangway (") || strings.Contains(got, "\n") {
			t.Errorf("without information: %q", got)
		}
	}
}

func TestDirFlag(t *testing.T) {
	if got := dirFlag(defaultDir) + dirFlag("/a b/it's"); got != ` --dir '/a b/it'\''s'` {
		t.Errorf("%q", got)
	}
}
