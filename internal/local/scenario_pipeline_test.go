package local

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/app"
)

// A service with a pipeline of its own is not built: its preview opens once the pipeline has deployed with `gangway deploy`,
// and is taken in as any other. A pipeline that changes one variable of the service gets nothing of it.
func TestOwnPipeline(t *testing.T) {
	w := alone(t, func(text string) string {
		return strings.Replace(text, "openapi    = \"users/openapi.yaml\"\n      build {\n", "openapi    = \"users/openapi.yaml\"\n      build {\n        pipeline = true\n", 1)
	})
	for name, value := range map[string]string{
		"GANGWAY_CLOUD_RUN_ENDPOINT": w.Endpoints.CloudRun, "PUBSUB_EMULATOR_HOST": w.Endpoints.PubSub, "GANGWAY_PROJECT": Project,
		"GANGWAY_EMULATOR_TOKEN": w.token(pipeline),
	} {
		t.Setenv(name, value)
	}
	p := w.change(t, version("users", "theirs"))
	p.says("Waiting for your pipeline to deploy 1 service")
	if got := p.statuses(); got != "" {
		t.Errorf("builds were started: %s", got)
	}
	var live struct {
		Template struct{ Containers []struct{ Image string } }
	}
	if err := w.api.call(lasting(t), http.MethodGet, w.serviceURL("users"), nil, &live); err != nil {
		t.Fatal(err)
	}
	before := w.template(t)
	repository, err := strconv.ParseInt(p.repositoryID(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	request := app.DeployRequest{
		Config: w.configurationFile(), Service: "users", Repository: repository, PullRequest: p.number, Commit: p.sha,
		Image: live.Template.Containers[0].Image, Build: "run-1", Publish: true, Wait: time.Minute,
	}
	for range 2 { // again changes nothing
		told, err := app.Deploy(t.Context(), request, slog.New(slog.DiscardHandler))
		if err != nil || !strings.Contains(told, "is ready, without traffic, at http://pr-"+strconv.Itoa(p.number)+"---users") {
			t.Fatalf("%s, %v", told, err)
		}
	}
	p.ready()
	if got := p.tagged("users").Labels; got["gangway-build"] != "run-1" || got["gangway-commit"] != p.sha {
		t.Errorf("labels %v", got)
	}
	if after := w.template(t); after != before {
		t.Errorf("the template was\n%s\nand is\n%s", before, after)
	}
	p.close()
	p.gone()
	until(t, "its revisions are gone", func() (bool, string) {
		left := w.revisionsOf(t, "users", p.number)
		return left == "", left
	})
}

// template is what a pipeline that changes one thing of users would change.
func (w *world) template(t *testing.T) string {
	t.Helper()
	var s struct{ Template object }
	if err := w.api.call(lasting(t), http.MethodGet, w.serviceURL("users"), nil, &s); err != nil {
		t.Fatal(err)
	}
	delete(s.Template, "revision") // it may name the one that it is that of
	text, err := json.Marshal(s.Template)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// revisionsOf are the revisions of a service that are a pull request's.
func (w *world) revisionsOf(t *testing.T, service string, number int) string {
	t.Helper()
	var list struct{ Revisions []resource }
	if err := w.api.call(lasting(t), http.MethodGet, w.serviceURL(service)+"/revisions", nil, &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range list.Revisions {
		if r.Labels["gangway-pr"] == fmt.Sprint(number) {
			names = append(names, r.name())
		}
	}
	return strings.Join(names, " ")
}
