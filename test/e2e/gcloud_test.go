package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// gcloudTime bounds one call of gcloud, which takes half a second.
const gcloudTime = time.Minute

// A gcloud is gcloud, with the emulated far ends behind it and nothing else: all that it sends goes through the edge as its
// proxy, which knows no other hosts.
type gcloud struct {
	binary string
	env    []string
}

// findGcloud skips the test where there is no gcloud, unless GANGWAY_REQUIRE names it.
func findGcloud(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("gcloud")
	switch {
	case err == nil:
	case slices.Contains(strings.Fields(os.Getenv("GANGWAY_REQUIRE")), "gcloud"):
		t.Fatal("gcloud is required and not in PATH")
	default:
		t.Skip("gcloud is not in PATH")
	}
	return binary
}

func newGcloud(t *testing.T, binary string, far map[string]string) *gcloud {
	t.Helper()
	g := &gcloud{binary: binary, env: environment(
		"CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1", "CLOUDSDK_SURVEY_DISABLE_PROMPTS=1",
		"CLOUDSDK_RUN_REGION=europe-west1", "CLOUDSDK_BUILDS_REGION=europe-west1", "NO_COLOR=1",
	)}
	for name, value := range far {
		if strings.HasPrefix(name, "CLOUDSDK_") {
			g.env = append(g.env, name+"="+value)
		}
	}
	return g
}

// try runs gcloud and returns what it says.
func (g *gcloud) try(args ...string) (stdout string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), gcloudTime)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, g.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = g.env, &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("gcloud %s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return strings.TrimSpace(out.String()), nil
}

func (g *gcloud) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := g.try(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wants runs gcloud and compares what it says.
func (g *gcloud) wants(t *testing.T, want string, args ...string) {
	t.Helper()
	if got := g.run(t, args...); got != want {
		t.Errorf("gcloud %s says %q, want %q", strings.Join(args, " "), got, want)
	}
}

// An emulated is the far ends with the shop as an environment, and nothing of Gangway.
type emulated struct {
	far map[string]string
}

func startEmulated(t *testing.T) emulated {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	launch{t, filepath.Join(dir, "emulate.log"), environment()}.start(t, "gangway", "emulate", "--shop",
		"--dir", filepath.Join(dir, "emulate"), "--env-file", file).says(t, `(?m)^ready$`)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := emulated{far: map[string]string{}}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(string(text), -1) {
		e.far[m[1]] = m[2]
	}
	return e
}

func (e emulated) service() string {
	return e.far["GANGWAY_CLOUD_RUN_ENDPOINT"] + "/v2/projects/acme-dev/locations/europe-west1/services/orders"
}

// An entry is one of a traffic list.
type entry struct {
	Revision string
	Percent  int
	Tag      string
}

// traffic is the traffic list of orders as Cloud Run's API v2 tells it.
func (e emulated) traffic(t *testing.T) (tags map[string]string, shares []entry) {
	t.Helper()
	var v struct{ Traffic []entry }
	call(t, http.MethodGet, e.service(), nil, &v)
	tags = map[string]string{}
	for _, entry := range v.Traffic {
		if entry.Tag != "" {
			tags[entry.Tag] = entry.Revision
		}
		if entry.Percent > 0 {
			shares = append(shares, entry)
		}
	}
	return tags, shares
}

// deploy runs gangway deploy as a team's pipeline does, and returns the revision; "" when that failed, which it has told.
func (e emulated) deploy(t *testing.T, pull int, image, commit string) string {
	t.Helper()
	var env []string
	for name, value := range e.far {
		env = append(env, name+"="+value)
	}
	status, out, problems := once(t, time.Minute, environment(env...), "gangway", "deploy", "orders", "--repository-id", "7",
		"--pull-request", strconv.Itoa(pull), "--image", image, "--commit", commit, "--config", e.far["GANGWAY_CONFIG"], "--no-publish")
	said := regexp.MustCompile(`revision (\S+) is ready, without traffic, at http://pr-\d+---orders-`).FindStringSubmatch(out)
	if status != 0 || said == nil {
		t.Errorf("gangway deploy ends with %d: %s%s", status, out, problems)
		return ""
	}
	return said[1]
}

func sha(n int) string { return fmt.Sprintf("%040x", n) }

// gcloud is a second client of the emulated Cloud Run, Cloud Build and API Gateway. Beside a `gangway deploy`, what it deploys
// loses no tag, and what it changes inherits nothing of a preview.
func TestGcloud(t *testing.T) {
	t.Parallel()
	binary := findGcloud(t)
	e := startEmulated(t)
	g := newGcloud(t, binary, e.far)
	t.Run("api-gateway", func(t *testing.T) { describesAPIGateway(t, g) })
	t.Run("builds", func(t *testing.T) { handlesBuilds(t, g) })
	g.wants(t, "catalog\norders\nusers", "run", "services", "list", "--format=value(metadata.name)")
	live := g.run(t, "run", "services", "describe", "orders", "--format=value(status.traffic[0].revisionName)")
	image := g.run(t, "run", "revisions", "describe", live, "--format=value(spec.containers[0].image)")
	_, before := e.traffic(t)

	// Both deploy at once: gcloud without traffic under a tag, Gangway under the pull request's.
	var ours string
	var wg sync.WaitGroup
	wg.Go(func() { ours = e.deploy(t, 42, image, sha(1)) })
	theirs := eventuallyDeploys(t, g, image)
	wg.Wait()
	tags, shares := e.traffic(t)
	if tags["next"] != theirs || tags["pr-42"] != ours || !slices.Equal(shares, before) {
		t.Fatalf("tags %v, shares %v; want next on %s, pr-42 on %s, and %v", tags, shares, theirs, ours, before)
	}
	listed := strings.Fields(g.run(t, "run", "revisions", "list", "--service", "orders", "--format=value(metadata.name)"))
	for _, want := range []string{live, ours, theirs} {
		if !slices.Contains(listed, want) {
			t.Errorf("gcloud lists the revisions %v, without %s", listed, want)
		}
	}

	// A pipeline that changes one variable gets what it deployed last, and nothing of the preview.
	g.run(t, "run", "services", "update", "orders", "--update-env-vars", "NAIVE=1")
	var latest struct {
		Spec struct {
			Containers []struct{ Env []struct{ Name string } }
		}
		Labels map[string]string
	}
	name := g.run(t, "run", "services", "describe", "orders", "--format=value(status.latestCreatedRevisionName)")
	if err := json.Unmarshal([]byte(g.run(t, "run", "revisions", "describe", name, "--format=json")), &latest); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range latest.Spec.Containers[0].Env {
		names = append(names, v.Name)
	}
	if want := []string{"CHANGED", "NAIVE"}; !slices.Equal(names, want) {
		t.Errorf("the naive deployment has the variables %v, want %v", names, want)
	}
	for label := range latest.Labels {
		if strings.HasPrefix(label, "gangway") {
			t.Errorf("the naive deployment has the label %s", label)
		}
	}

	g.run(t, "run", "services", "update-traffic", "orders", "--to-revisions", theirs+"=30,"+live+"=70")
	g.run(t, "run", "services", "update-traffic", "orders", "--remove-tags", "next")
	tags, shares = e.traffic(t)
	slices.SortFunc(shares, func(a, b entry) int { return a.Percent - b.Percent })
	if want := []entry{{Revision: theirs, Percent: 30}, {Revision: live, Percent: 70}}; !slices.Equal(shares, want) || len(tags) != 1 || tags["pr-42"] != ours {
		t.Errorf("shares %v, tags %v; want %v, and pr-42 on %s", shares, tags, want, ours)
	}
	g.run(t, "run", "services", "update-traffic", "orders", "--to-revisions", live+"=100")
	t.Run("rounds", func(t *testing.T) { roundsOfBoth(t, e, g, image, live) })
	t.Run("sequence", func(t *testing.T) { sendsWhatIsRecorded(t, e, g, image) })
}

// eventuallyDeploys deploys with gcloud, which doesn't try again by itself when somebody was faster.
func eventuallyDeploys(t *testing.T, g *gcloud, image string) (revision string) {
	t.Helper()
	for range 20 {
		_, err := g.try("run", "deploy", "orders", "--image", image, "--no-traffic", "--tag", "next", "--set-env-vars", "CHANGED=1")
		if err == nil {
			return g.run(t, "run", "services", "describe", "orders", "--format=value(spec.traffic.filter(\"tag:next\").extract(revisionName).flatten())")
		}
		if !conflicted(err) {
			t.Fatal(err)
		}
	}
	t.Fatal("gcloud was never fast enough")
	return ""
}

func conflicted(err error) bool { return strings.Contains(err.Error(), "Conflict for resource") }

func describesAPIGateway(t *testing.T, g *gcloud) {
	t.Helper()
	g.wants(t, "shop\nshop-previews-1\nshop-previews-2", "api-gateway", "apis", "list", "--format=value(name.basename())", "--sort-by=name")
	g.wants(t, "Shop", "api-gateway", "apis", "describe", "shop", "--format=value(displayName)")
	g.wants(t, "main", "api-gateway", "api-configs", "list", "--api=shop", "--format=value(name.basename())")
	g.wants(t, "ACTIVE", "api-gateway", "api-configs", "describe", "main", "--api=shop", "--format=value(state)")
	g.wants(t, "shop", "api-gateway", "gateways", "list", "--location=europe-west1", "--format=value(name.basename())")
	g.wants(t, "projects/acme-dev/locations/global/apis/shop/configs/main",
		"api-gateway", "gateways", "describe", "shop", "--location=europe-west1", "--format=value(apiConfig)")
}

func handlesBuilds(t *testing.T, g *gcloud) {
	t.Helper()
	if all := strings.Fields(g.run(t, "builds", "list", "--format=value(status)")); len(all) < 3 || all[0] != "SUCCESS" {
		t.Errorf("builds %v", all)
	}
	config := filepath.Join(t.TempDir(), "build.yaml")
	text := "steps:\n- name: bash\n  entrypoint: bash\n  args: ['-c', 'sleep 300']\noptions: {logging: CLOUD_LOGGING_ONLY}\n" +
		"serviceAccount: projects/acme-dev/serviceAccounts/" + account("preview-build") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	id := g.run(t, "builds", "submit", "--no-source", "--async", "--config", config, "--format=value(id)")
	g.run(t, "builds", "cancel", id)
	g.wants(t, "CANCELLED", "builds", "describe", id, "--format=value(status)")
}

// roundsOfBoth lets gcloud set tags and `gangway deploy` deploy at once: no tag of either is ever lost. 200 rounds of gcloud
// take some minutes: GANGWAY_GCLOUD_ROUNDS asks for so many; package cloudrun has 200 rounds of gcloud's requests without it.
func roundsOfBoth(t *testing.T, e emulated, g *gcloud, image, live string) {
	t.Helper()
	rounds := 5
	if text := os.Getenv("GANGWAY_GCLOUD_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("GANGWAY_GCLOUD_ROUNDS is %q: want a number", text)
		}
	}
	ours, deployed, conflicts := map[string]string{}, 0, 0
	for n := 0; n < rounds && !t.Failed(); {
		var beside sync.WaitGroup
		beside.Go(func() {
			for range 3 { // as long as gcloud takes
				deployed++
				pull := 100 + deployed%5
				ours["pr-"+strconv.Itoa(pull)] = e.deploy(t, pull, image, sha(deployed))
			}
		})
		tag := fmt.Sprintf("t-%d", n)
		_, err := g.try("run", "services", "update-traffic", "orders", "--update-tags", tag+"="+live)
		beside.Wait()
		if err != nil && !conflicted(err) {
			t.Error(err)
			break
		}
		if err != nil {
			conflicts++
			continue
		}
		n++
	}
	tags, shares := e.traffic(t)
	for n := range rounds {
		if got := tags[fmt.Sprintf("t-%d", n)]; got != live {
			t.Errorf("gcloud's tag t-%d is on %q, want %s", n, got, live)
		}
	}
	for tag, want := range ours {
		if tags[tag] != want {
			t.Errorf("%s is on %q, want %s", tag, tags[tag], want)
		}
	}
	if len(shares) != 1 || shares[0].Revision != live || shares[0].Percent != 100 {
		t.Errorf("shares %v", shares)
	}
	t.Logf("%d rounds of gcloud with %d conflicts beside %d deployments", rounds, conflicts, deployed)
}

// sendsWhatIsRecorded holds gcloud to the requests that package cloudrun's stand-in for it sends.
func sendsWhatIsRecorded(t *testing.T, e emulated, g *gcloud, image string) {
	t.Helper()
	edge, err := url.Parse("http://" + e.far["CLOUDSDK_PROXY_ADDRESS"] + ":" + e.far["CLOUDSDK_PROXY_PORT"])
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var requests []string
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	between := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			mu.Lock()
			defer mu.Unlock()
			line := r.In.Method + " " + r.In.Host + id.ReplaceAllString(r.In.URL.Path, "ID")
			if !slices.Contains(requests, line) { // an operation may have to be waited for several times
				requests = append(requests, line)
			}
			r.Out.URL.Scheme, r.Out.URL.Host = "http", edge.Host
			r.Out.Host = r.In.Host
		},
	})
	defer between.Close()
	recorded := *g
	recorded.env = append(slices.Clone(g.env), "CLOUDSDK_PROXY_PORT="+between.URL[strings.LastIndexByte(between.URL, ':')+1:])
	recorded.run(t, "run", "deploy", "orders", "--image", image, "--no-traffic", "--tag", "recorded")
	const service = "europe-west1-run.googleapis.localhost/apis/serving.knative.dev/v1/namespaces/acme-dev/services/orders"
	want := []string{
		"GET " + service, "PUT " + service,
		"POST europe-west1-run.googleapis.localhost/v1/projects/acme-dev/locations/europe-west1/operations/ID:wait",
	}
	if !slices.Equal(requests, want) {
		t.Errorf("gcloud sends\n%s\nwant\n%s", strings.Join(requests, "\n"), strings.Join(want, "\n"))
	}
}
