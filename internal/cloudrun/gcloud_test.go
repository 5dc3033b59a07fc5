package cloudrun_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A gcloud sends what gcloud sends (release 528, recorded; package e2e holds the real one to it): GET of the service from the
// API v1, PUT of all of it with one change and the resourceVersion that was read, POST to wait for the operation. It doesn't
// try again after a conflict.
type gcloud struct{ *cloud }

var errConflict = errors.New("conflict")

// send calls the API v1 of the region, which the host names.
func (g gcloud) send(method, path string, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		data = nil
	}
	r, err := http.NewRequestWithContext(g.Context(), method, g.url+path+"?alt=json", bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Host = "us-central1-run.googleapis.localhost"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err = io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusConflict:
		return errConflict
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, data)
	}
	return json.Unmarshal(data, out)
}

// change reads the service, changes it, writes it and waits, once.
func (g gcloud) change(change func(template object, traffic []any) (object, []any)) error {
	const name = "/apis/serving.knative.dev/v1/namespaces/shop/services/orders"
	var v, written object
	if err := g.send(http.MethodGet, name, nil, &v); err != nil {
		return err
	}
	spec := v["spec"].(object)
	spec["template"], spec["traffic"] = change(spec["template"].(object), spec["traffic"].([]any))
	if err := g.send(http.MethodPut, name, v, &written); err != nil {
		return err
	}
	id, _ := written["metadata"].(object)["annotations"].(object)["run.googleapis.com/operation-id"].(string)
	for {
		var op object
		err := g.send(http.MethodPost, "/v1/projects/shop/locations/us-central1/operations/"+id+":wait", object{"timeout": "30s"}, &op)
		if err != nil || op["done"] == true {
			return err
		}
	}
}

// deploy is `gcloud run deploy --no-traffic --tag`: a named revision, and its tag besides all others.
func (g gcloud) deploy(revision, tag string, content rune) error {
	return g.change(func(template object, traffic []any) (object, []any) {
		template["metadata"].(object)["name"] = revision
		template["spec"].(object)["containers"].([]any)[0].(object)["image"] = repository + digest(content)
		return template, append(untagged(traffic, tag), object{"revisionName": revision, "tag": tag})
	})
}

// tag is `gcloud run services update-traffic --update-tags`.
func (g gcloud) tag(revision, tag string) error {
	return g.change(func(template object, traffic []any) (object, []any) {
		return template, append(untagged(traffic, tag), object{"revisionName": revision, "tag": tag})
	})
}

func untagged(traffic []any, tag string) []any {
	var others []any
	for _, entry := range traffic {
		if entry.(object)["tag"] != tag {
			others = append(others, entry)
		}
	}
	return others
}

// 200 rounds of gcloud's requests (tags, and deployments under a tag) beside previews that come and go: no tag of either is
// lost, no share changes, and gcloud's deployments are made of what gcloud deployed.
func TestGcloudBesidePreviews(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	g := gcloud{c}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 2 {
		client, tag := c.another(), fmt.Sprintf("pr-%d", n)
		owner := map[string]string{preview.LabelPreview: "hash-of-" + tag}
		wg.Go(func() {
			for round := 0; ; round++ {
				err := client.Deploy(t.Context(), deployment(tag, fmt.Sprintf("orders-%s-%d", tag, round%2), 'c'))
				if err == nil && round%2 == 1 {
					err = client.RemoveTag(t.Context(), orders, tag, owner)
				}
				if err != nil && !errors.Is(err, preview.ErrConflict) {
					t.Errorf("%s, round %d: %v", tag, round, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	conflicts := 0
	for round := 0; round < 200; {
		tag := fmt.Sprintf("t-%d", round)
		err := g.tag("orders-old", tag)
		if round%20 == 19 {
			err = g.deploy(fmt.Sprintf("orders-next-%d", round), tag, 'e')
		}
		if errors.Is(err, errConflict) {
			conflicts++
			continue
		}
		if err != nil {
			t.Errorf("round %d: %v", round, err)
			break
		}
		round++
	}
	close(done)
	wg.Wait()
	v := c.settle()
	tags := map[string]string{}
	shares := ""
	for _, entry := range v["traffic"].([]any) {
		o := entry.(object)
		if tag, _ := o["tag"].(string); tag != "" {
			tags[tag], _ = o["revision"].(string)
		}
		if o["percent"] != nil {
			shares += fmt.Sprintf("%s=%v ", o["revision"], o["percent"])
		}
	}
	if shares != "orders-live=90 orders-old=10 " || tags["stable"] != "orders-old" {
		t.Errorf("shares %s, stable on %s", shares, tags["stable"])
	}
	for round := range 200 {
		want := "orders-old"
		if round%20 == 19 {
			want = fmt.Sprintf("orders-next-%d", round)
		}
		if got := tags[fmt.Sprintf("t-%d", round)]; got != want {
			t.Errorf("tag t-%d is on %q, want %s", round, got, want)
		}
	}
	for name, r := range c.templates() {
		if text := fmt.Sprint(r); strings.HasPrefix(name, "orders-next-") && (strings.Contains(text, "hash-of-") || strings.Contains(text, "CATALOG_URL")) {
			t.Errorf("%s has something of a preview: %s", name, text)
		}
	}
	t.Logf("%d conflicts", conflicts)
}

// templates are the revisions as the API tells them.
func (c *cloud) templates() map[string]object {
	c.Helper()
	all := map[string]object{}
	for _, r := range c.call("GET", path+"/revisions", nil)["revisions"].([]any) {
		name := r.(object)["name"].(string)
		all[name[strings.LastIndexByte(name, '/')+1:]] = r.(object)
	}
	return all
}
