package cloudbuild_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/gangway-dev/gangway/internal/cloudbuild"
)

func gangway(t *testing.T) (*cloudbuildpb.Build, string) {
	t.Helper()
	text, err := os.ReadFile("gangway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	build, err := cloudbuild.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return build, string(text)
}

// Every field is one that Cloud Build has, and every substitution is known where it is used.
func TestGangway(t *testing.T) {
	t.Parallel()
	build, text := gangway(t)
	known := []string{"PROJECT_ID", "BUILD_ID", "_REGION"} // of Cloud Build, and without a default
	for name := range build.GetSubstitutions() {
		known = append(known, name)
		if !strings.Contains(text, "${"+name+"}") {
			t.Errorf("%s is used nowhere, which Cloud Build refuses", name)
		}
	}
	for _, step := range build.GetSteps() {
		for _, env := range step.GetEnv() {
			for _, used := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(env, -1) {
				if !slices.Contains(known, used[1]) {
					t.Errorf("step %s uses %s, which nobody gives", step.GetId(), used[1])
				}
			}
		}
		// In a script, ${_X} would be an empty variable of the shell: Cloud Build substitutes only in env.
		// https://cloud.google.com/build/docs/configuring-builds/run-bash-scripts
		if regexp.MustCompile(`\$\{?_[A-Z]`).MatchString(step.GetScript()) {
			t.Errorf("step %s has a substitution in its script", step.GetId())
		}
	}
	if got := build.GetOptions().GetLogging(); got != cloudbuildpb.BuildOptions_CLOUD_LOGGING_ONLY {
		t.Errorf("logging is %s: a build with an account of its own needs CLOUD_LOGGING_ONLY", got)
	}
}

// programs stand in for docker and gcloud: they write down what they are called with.
const programs = `#!/bin/sh
name=$(basename "$0")
echo "$name $*" >>"$CALLS"
case "$*" in
  *imagetools*webhook*) echo sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ;;
  *imagetools*aggregator*) echo "$AGGREGATOR_DIGEST" ;;
  *"update acme-$FAILS "*) exit 1 ;;
esac
`

const digest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

// What the steps do, with the real shell, and with stand-ins for docker and gcloud.
func TestGangwaySteps(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not on PATH")
	}
	images := "europe-west1-docker.pkg.dev/acme-dev/acme/"
	webhook := images + "webhook@sha256:" + strings.Repeat("a", 64)
	aggregator := images + "aggregator@" + digest
	update := func(service, rest string) string {
		return "gcloud run services update acme-" + service + " --project acme-dev --region europe-west1 --quiet " + rest
	}
	for name, c := range map[string]struct {
		layout, digest, fails string
		want                  []string // calls of gcloud
		ok                    bool
	}{
		"only build": {layout: "none", digest: digest, ok: true},
		"separate": {layout: "separate", digest: digest, ok: true, want: []string{
			update("intake", "--container webhook --image "+webhook),
			update("aggregator", "--container aggregator --image "+aggregator),
			update("receive", "--container webhook --image "+webhook),
		}},
		"small": {layout: "small", digest: digest, ok: true, want: []string{
			update("all", "--container webhook --image "+webhook+" --container aggregator --image "+aggregator),
		}},
		"stops at the first that fails": {layout: "separate", digest: digest, fails: "aggregator", want: []string{
			update("intake", "--container webhook --image "+webhook),
			update("aggregator", "--container aggregator --image "+aggregator),
		}},
		"no such layout": {layout: "large", digest: digest},
		"no digest":      {layout: "separate", digest: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			build, _ := gangway(t)
			dir := t.TempDir()
			calls := filepath.Join(dir, "calls")
			for _, program := range []string{"docker", "gcloud"} {
				if err := os.WriteFile(filepath.Join(dir, program), []byte(programs), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			var failed error
			for _, step := range build.GetSteps() {
				if step.GetId() == "test" || failed != nil {
					continue
				}
				script := strings.ReplaceAll(step.GetScript(), "/workspace", dir)
				command := exec.CommandContext(t.Context(), bash, "-c", script)
				command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CALLS="+calls, "FAILS="+c.fails, "AGGREGATOR_DIGEST="+c.digest)
				command.Env = append(command.Env, substituted(step.GetEnv(), c.layout)...)
				var output bytes.Buffer
				command.Stdout, command.Stderr = &output, &output
				failed = command.Run()
				if _, ok := errors.AsType[*exec.ExitError](failed); failed != nil && !ok {
					t.Fatalf("%v\n%s", failed, &output)
				}
			}
			if (failed == nil) != c.ok {
				t.Errorf("steps ended with %v, want success %v", failed, c.ok)
			}
			log, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(string(log)) {
				if strings.HasPrefix(line, "gcloud ") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("calls of gcloud (-want +got):\n%s", diff)
			}
		})
	}
}

func substituted(env []string, layout string) []string {
	values := strings.NewReplacer("${_REGION}", "europe-west1", "${PROJECT_ID}", "acme-dev", "${_INSTALLATION}", "acme",
		"${BUILD_ID}", "build-1", "${_LAYOUT}", layout)
	list := slices.Clone(env)
	for i := range list {
		list[i] = values.Replace(list[i])
	}
	return list
}

// The Dockerfile can be read, has the targets that the build asks for, runs nothing as root, and pins what it fetches.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	stages, arguments, err := instructions.Parse(tree.AST, linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s", rule, message)
	}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"webhook", "aggregator"} {
		n := slices.IndexFunc(stages, func(s instructions.Stage) bool { return s.Name == target })
		if n < 0 {
			t.Errorf("there is no target %s", target)
			continue
		}
		if stages[n].BaseName != "${RUNTIME}" {
			t.Errorf("%s is made from %s", target, stages[n].BaseName)
		}
		user := ""
		for _, command := range stages[n].Commands {
			switch command := command.(type) {
			case *instructions.UserCommand:
				user = command.User
			case *instructions.RunCommand:
				t.Errorf("%s runs %s: there is no shell", target, command.CmdLine)
			}
		}
		if user != "65532:65532" {
			t.Errorf("%s runs as %q", target, user)
		}
	}
	got := map[string]string{}
	for _, argument := range arguments {
		got[argument.Args[0].Key] = argument.Args[0].ValueString()
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			if argument, ok := command.(*instructions.ArgCommand); ok {
				got[argument.Args[0].Key] = argument.Args[0].ValueString()
			}
		}
	}
	want := map[string]string{
		"GO_VERSION":        first(t, "../go.mod", `(?m)^go (\S+)$`),
		"TERRAFORM_VERSION": first(t, "../internal/terraform/binary.go", `pinnedRelease += "(.*)"`),
		"RUNTIME":           "gcr.io/distroless/static-debian12:nonroot",
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q, as elsewhere", name, got[name], value)
		}
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(got["TERRAFORM_SHA256"]) || !regexp.MustCompile(`^7\.\d+\.\d+$`).MatchString(got["GOOGLE_BETA_VERSION"]) {
		t.Errorf("Terraform %q or the provider %q is not pinned", got["TERRAFORM_SHA256"], got["GOOGLE_BETA_VERSION"])
	}
	build, _ := gangway(t)
	if image := build.GetSteps()[0].GetName(); image != "golang:"+want["GO_VERSION"]+"-bookworm" {
		t.Errorf("gangway.yaml tests with %s", image)
	}
}

// first is what the expression's group matches in a file.
func first(t *testing.T, file, expression string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(expression).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s: nothing like %s", file, expression)
	}
	return string(found[1])
}
