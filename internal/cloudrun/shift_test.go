package cloudrun_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/release"
)

// shares are the entries of a service's traffic list, without URLs.
func (c *cloud) shares(ref preview.ServiceRef) (list []string, etag string) {
	c.Helper()
	v, err := c.client.Service(c.Context(), ref)
	if err != nil {
		c.Fatal(err)
	}
	for _, t := range v.Traffic {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %d %s", t.Revision, t.Percent, t.Tag)))
	}
	slices.Sort(list)
	return list, v.Etag
}

func TestShift(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create()
	_, etag := c.shares(orders)
	want := []preview.TrafficTarget{{Revision: "orders-old", Percent: 75}, {Revision: "orders-live", Percent: 25}, {Revision: "orders-old", Tag: "stable"}}
	if err := c.client.Shift(t.Context(), orders, etag, want); err != nil {
		t.Fatal(err)
	}
	got, newer := c.shares(orders)
	if diff := cmp.Diff([]string{"orders-live 25", "orders-old 0 stable", "orders-old 75"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := c.client.Shift(t.Context(), orders, etag, want); !errors.Is(err, preview.ErrConflict) {
		t.Errorf("over a newer list: %v", err)
	}
	gone := []preview.TrafficTarget{{Revision: "orders-gone", Percent: 100}}
	if err := c.client.Shift(t.Context(), orders, newer, gone); !isUserError(err) {
		t.Errorf("to a revision that isn't there: %v", err)
	}
	for what, list := range map[string][]preview.TrafficTarget{
		"sum to 90":     {{Revision: "orders-live", Percent: 90}},
		"names no":      {{Revision: "orders-live", Percent: 100, Latest: true}},
		"names no rev":  {{Percent: 100}},
		"has -1 %":      {{Revision: "orders-old", Percent: -1}},
		"there twice":   {{Revision: "orders-live", Percent: 100}, {Revision: "a", Tag: "x"}, {Revision: "b", Tag: "x"}},
		"has 101 %":     {{Revision: "orders-live", Percent: 101}},
		"shares sum to": nil,
	} {
		if err := c.client.Shift(t.Context(), orders, newer, list); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v: got %v, want %q", list, err, what)
		}
	}
	if err := c.client.Shift(t.Context(), orders, "", want); err == nil || !strings.Contains(err.Error(), "etag") {
		t.Errorf("without an etag: %v", err)
	}
	if again, _ := c.shares(orders); !cmp.Equal(again, got) {
		t.Errorf("a refused list has changed something: %v", again)
	}
}

func isUserError(err error) bool {
	_, ok := errors.AsType[*preview.UserError](err)
	return ok
}

// TestShiftsBesidePreviews releases several services step by step while previews set and remove their tags on the same ones,
// each by a client of its own: in the end every tag is where it was put, and the shares are what the rollouts made them.
func TestShiftsBesidePreviews(t *testing.T) {
	t.Parallel()
	const services, previews, rounds = 4, 6, 5
	c := newCloud(t)
	c.create()
	var refs []preview.ServiceRef
	for n := range services {
		ref := preview.ServiceRef{Project: orders.Project, Region: orders.Region, Name: fmt.Sprintf("orders-%d", n)}
		at := strings.TrimSuffix(path, "orders") + ref.Name
		template := func(revision string) object {
			return object{"revision": ref.Name + revision, "labels": object{preview.LabelPreview: "all"}, "containers": []object{{"image": repository + digest('a')}}}
		}
		c.call("POST", strings.TrimSuffix(path, "/orders")+"?serviceId="+ref.Name, object{"template": template("-n")})
		c.call("PATCH", at+"?updateMask=template,traffic", object{
			"template": template("-c"), "traffic": []object{{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": ref.Name + "-n", "percent": 100}},
		})
		refs = append(refs, ref)
	}
	var wg sync.WaitGroup
	for _, ref := range refs {
		wg.Go(func() { rollOut(t, c.another(), ref) })
		for n := range previews {
			wg.Go(func() {
				client, tag := c.another(), fmt.Sprintf("pr-%d", n)
				d := deployment(tag, ref.Name+"-c", 'a')
				d.Service = ref
				for range rounds {
					if err := client.Deploy(t.Context(), d); err != nil {
						t.Errorf("setting %s: %v", tag, err)
					}
					if n%2 == 1 {
						if err := client.RemoveTag(t.Context(), ref, tag, map[string]string{preview.LabelPreview: "all"}); err != nil {
							t.Errorf("removing %s: %v", tag, err)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	for _, ref := range refs {
		want := []string{ref.Name + "-c 100"}
		for n := 0; n < previews; n += 2 {
			want = append(want, fmt.Sprintf("%s-c 0 pr-%d", ref.Name, n))
		}
		slices.Sort(want)
		if got, _ := c.shares(ref); !cmp.Equal(want, got) {
			t.Errorf("%s (-want +got)\n%s", ref.Name, cmp.Diff(want, got))
		}
	}
}

// rollOut moves all traffic to the candidate in steps, from a fresh read each time.
func rollOut(t *testing.T, client *cloudrun.Client, ref preview.ServiceRef) {
	for _, share := range []int{5, 25, 50, 75, 100} {
		for {
			v, err := client.Service(t.Context(), ref)
			if err != nil {
				t.Error(err)
				return
			}
			shares := []release.Share{{Revision: ref.Name + "-c", Percent: share}, {Revision: ref.Name + "-n", Percent: 100 - share}}
			list, err := release.Traffic{Targets: v.Traffic}.With(shares[:1+min(1, 100-share)])
			if err != nil {
				t.Error(err)
				return
			}
			err = client.Shift(t.Context(), ref, v.Etag, list)
			if err == nil {
				break
			}
			if !errors.Is(err, preview.ErrConflict) {
				t.Error(err)
				return
			}
		}
	}
}
