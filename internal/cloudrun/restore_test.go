package cloudrun_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// names are the revisions of the service.
func (c *cloud) names() []string {
	c.Helper()
	all, err := c.client.Revisions(c.Context(), orders)
	if err != nil {
		c.Fatal(err)
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	return names
}

// template is what whoever deploys next would change.
func (c *cloud) template() object {
	c.Helper()
	t, _ := c.call("GET", path, nil)["template"].(object)
	return t
}

// A deployment leaves the template as it was, and makes no revision but its own.
func TestDeployPutsTheTemplateBack(t *testing.T) {
	candidate := liveTemplate() // deployed without traffic by somebody, to go live soon
	candidate["revision"] = "orders-candidate"
	candidate["healthCheckDisabled"] = true // which no revision shows
	unnamed := liveTemplate()
	delete(unnamed, "revision")
	unnamed["labels"] = object{"by": "terraform"}
	for name, template := range map[string]object{"named": candidate, "unnamed": unnamed, "the live one's": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.create()
			if template != nil {
				c.call("PATCH", path+"?updateMask=template", object{"template": template})
				c.settle()
			}
			before, revisions := c.template(), c.names()
			if before["revision"] == nil {
				before["revision"] = revisions[len(revisions)-1]
			}
			c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
			c.deploy(deployment("pr-2", "orders-pr-2", 'd'))
			c.deploy(deployment("pr-1", "orders-pr-1-b", 'd'))
			v := c.settle()
			if diff := cmp.Diff(before, c.template()); diff != "" {
				t.Errorf("template (-before +after):\n%s", diff)
			}
			want := slices.Concat(revisions, []string{"orders-pr-1", "orders-pr-2", "orders-pr-1-b"})
			if diff := cmp.Diff(want, c.names()); diff != "" {
				t.Errorf("revisions (-want +got):\n%s", diff)
			}
			if state := v["terminalCondition"].(object)["state"]; state != "CONDITION_SUCCEEDED" {
				t.Errorf("the service is %v", state)
			}
		})
	}
}

// What a pipeline that changes one variable makes is not a preview's: not its image, nor its variables.
func TestNaiveDeploymentInheritsNoPreview(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
	template := c.template()
	template["revision"] = "orders-next"
	app := template["containers"].([]any)[0].(object)
	app["env"] = append(app["env"].([]any), object{"name": "NEW", "value": "1"})
	c.call("PATCH", path+"?updateMask=template", object{"template": template})
	c.settle()
	next := c.call("GET", path+"/revisions/orders-next", nil)
	got := next["containers"].([]any)[0].(object)
	if got["image"] != repository+digest('a') {
		t.Errorf("image %v", got["image"])
	}
	if text := fmt.Sprint(got["env"], next["labels"]); strings.Contains(text, "hash-of-pr-1") || strings.Contains(text, "gangway-template") || strings.Contains(text, "CATALOG_URL") {
		t.Errorf("something of a preview is in %s", text)
	}
}

// What somebody has deployed since stays, and so does what a preview left on a service whose traffic follows the latest.
func TestRestoreTemplateLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	owner := map[string]string{preview.LabelPreview: "hash-of-pr-1"}
	ours := liveTemplate()
	ours["revision"], ours["labels"] = "orders-pr-1", object{preview.LabelPreview: "hash-of-pr-1", preview.LabelTemplate: "orders-old"}
	left := func(template object, traffic []object) {
		t.Helper()
		c.call("PATCH", path+"?updateMask=template,traffic", object{"template": template, "traffic": traffic})
		c.settle()
	}
	restore := func(want string) {
		t.Helper()
		if err := c.client.RestoreTemplate(t.Context(), orders, owner); err != nil {
			t.Fatal(err)
		}
		if got := c.template()["revision"]; got != want {
			t.Errorf("the template is that of %v, want %s", got, want)
		}
	}
	left(ours, append(foreignTraffic()[1:], object{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90}))
	restore("orders-pr-1")
	left(ours, foreignTraffic())
	restore("orders-old")
	other := liveTemplate()
	other["revision"], other["labels"] = "orders-other", object{preview.LabelPreview: "hash-of-pr-2", preview.LabelTemplate: "orders-old"}
	left(other, foreignTraffic())
	restore("orders-other")
	gone := orders
	gone.Name = "gone"
	if err := c.client.RestoreTemplate(t.Context(), gone, owner); err != nil {
		t.Error(err)
	}
}

// The revision whose template stood there is gone: what serves now is the next best.
func TestRestoreTemplateFallsBackToTheLiveOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	ours := liveTemplate()
	ours["revision"], ours["labels"] = "orders-pr-1", object{preview.LabelPreview: "h", preview.LabelTemplate: "orders-gone"}
	c.call("PATCH", path+"?updateMask=template", object{"template": ours})
	c.settle()
	if err := c.client.RestoreTemplate(t.Context(), orders, map[string]string{preview.LabelPreview: "h"}); err != nil {
		t.Fatal(err)
	}
	if got := c.template()["revision"]; got != "orders-live" {
		t.Errorf("the template is that of %v", got)
	}
}

// However many previews are deployed at once by however many processes, the template ends as it was.
func TestTemplateAfterDeploymentsAtOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	before := c.template()
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			tag := fmt.Sprintf("pr-%d", n)
			client := c.client
			if n%2 == 1 {
				client = c.another()
			}
			if err := client.Deploy(t.Context(), deployment(tag, "orders-"+tag, 'c')); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c.settle()
	if diff := cmp.Diff(before, c.template()); diff != "" {
		t.Errorf("template (-before +after):\n%s", diff)
	}
}

func TestDeleteRevision(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
	c.settle()
	for _, used := range []string{"orders-pr-1", "orders-live", "orders-old"} {
		if err := c.client.DeleteRevision(t.Context(), orders, used); !errors.Is(err, preview.ErrConflict) {
			t.Errorf("%s is in use: %v", used, err)
		}
	}
	if tags, err := c.client.Tags(t.Context(), "shop", "us-central1"); err != nil || tags != 2 {
		t.Errorf("%d tags, %v; want pr-1 and stable", tags, err)
	}
	owner := map[string]string{preview.LabelPreview: "hash-of-pr-1"}
	if err := c.client.RemoveTag(t.Context(), orders, "pr-1", owner); err != nil {
		t.Fatal(err)
	}
	c.settle()
	for range 2 { // one that is gone is no error
		if err := c.client.DeleteRevision(t.Context(), orders, "orders-pr-1"); err != nil {
			t.Error(err)
		}
	}
	if slices.Contains(c.names(), "orders-pr-1") {
		t.Error("the revision is still there")
	}
	gone := orders
	gone.Name = "gone"
	if all, err := c.client.Revisions(t.Context(), gone); err != nil || len(all) > 0 {
		t.Errorf("revisions of a service that is gone: %v, %v", all, err)
	}
}
