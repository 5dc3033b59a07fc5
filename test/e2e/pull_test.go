package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/checker"
	"github.com/gangway-dev/gangway/internal/local"
)

// Times within which things have to happen, on a slow machine too.
const (
	readyTime = 2 * time.Minute
	restTime  = 30 * time.Second
)

// open opens a pull request that changes orders.
func (c *cloud) open(t *testing.T) local.Pull {
	t.Helper()
	files, err := local.Count()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.hub.Open(t.Context(), "Tell how many orders there are", files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// push pushes the change that follows.
func (c *cloud) push(t *testing.T, p local.Pull) local.Pull {
	t.Helper()
	files, err := local.Latest()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = c.hub.Push(t.Context(), p.Number, "Add statistics", files); err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *cloud) close(t *testing.T, p local.Pull) {
	t.Helper()
	if _, err := c.hub.Close(t.Context(), p.Number); err != nil {
		t.Fatal(err)
	}
}

var (
	headline = regexp.MustCompile(`(?m)^### (.+)$`)
	openLink = regexp.MustCompile(`\[Open the [^\]]*\]\((https?://[^)\s/]+)`)
)

// comments are what the pull request's comments begin with, and their texts.
func (c *cloud) comments(t *testing.T, p local.Pull) (titles, texts []string) {
	t.Helper()
	texts, err := c.hub.Comments(t.Context(), p.Number)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		title := "(no headline)"
		if m := headline.FindStringSubmatch(text); m != nil {
			title = m[1]
		}
		titles = append(titles, title)
	}
	return titles, texts
}

// ready waits until the one comment has a link that answers with what the pull request's code says, and nothing of the
// preview is there twice. It returns the preview's URL.
func (c *cloud) ready(t *testing.T, p local.Pull, path, says string) (url string) {
	t.Helper()
	eventually(t, readyTime, fmt.Sprintf("#%d at %.7s is live", p.Number, p.HeadSHA), func() []string {
		titles, texts := c.comments(t, p)
		if len(texts) != 1 {
			return []string{fmt.Sprintf("there are %d comments", len(texts))}
		}
		m := openLink.FindStringSubmatch(texts[0])
		if m == nil || !strings.Contains(titles[0], "ready") || !strings.Contains(titles[0], p.HeadSHA[:7]) {
			return titles
		}
		url = m[1]
		status, body, err := get(t.Context(), url+path)
		if err != nil || status != http.StatusOK || !strings.Contains(body, says) {
			return []string{fmt.Sprintf("GET %s%s answers %d %s %v", url, path, status, body, err)}
		}
		return nil
	})
	eventually(t, restTime, "there is one gateway with one config", func() []string {
		return c.differs(t, p, map[string]int{"gateway ACTIVE": 1, "config ACTIVE": 1, "tag": 1})
	})
	c.promises(t)
	return url
}

// removed waits until nothing is left of a closed pull request.
func (c *cloud) removed(t *testing.T, p local.Pull) {
	t.Helper()
	eventually(t, readyTime, fmt.Sprintf("#%d is taken in", p.Number), func() []string {
		titles, _ := c.comments(t, p)
		problems := c.differs(t, p, map[string]int{})
		if len(titles) != 1 || !strings.Contains(titles[0], "removed") {
			problems = append(problems, titles...)
		}
		return problems
	})
	c.promises(t)
}

// promises lets the promise checker look, until everything is at rest and all promises hold.
func (c *cloud) promises(t *testing.T) {
	t.Helper()
	eventually(t, restTime, "all promises hold", func() []string {
		found, err := checker.Check(t.Context(), c.world)
		var problems []string
		for _, v := range found {
			problems = append(problems, v.String())
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
		return problems
	})
}

// differs compares what there is of a pull request on Google Cloud with what should be.
func (c *cloud) differs(t *testing.T, p local.Pull, want map[string]int) []string {
	t.Helper()
	have := map[string]int{}
	for _, g := range c.gateways(t, p) {
		have["gateway "+g.State]++
	}
	for _, g := range c.configs(t, p) {
		have["config "+g.State]++
	}
	if n := c.tags(t, p); n > 0 {
		have["tag"] = n
	}
	if maps.Equal(have, want) {
		return nil
	}
	return []string{fmt.Sprintf("there is %v, want %v", have, want)}
}

// A resource is what is looked at of anything on Google Cloud.
type resource struct {
	Name       string            `json:"name"`
	Labels     map[string]string `json:"labels"`
	State      string            `json:"state"`  // of gateways and configs
	Status     string            `json:"status"` // of builds
	Tags       []string          `json:"tags"`   // of builds
	Conditions []struct {
		Type  string `json:"type"`
		State string `json:"state"`
	} `json:"conditions"` // of revisions
	Traffic []struct {
		Tag string `json:"tag"`
	} `json:"traffic"` // of services
}

// list is a list of an API of Google's.
func list(t *testing.T, url, field string) []resource {
	t.Helper()
	var answer map[string][]resource
	call(t, http.MethodGet, url+"?pageSize=100", nil, &answer)
	return answer[field]
}

// of are the resources that carry the pull request's label.
func of(p local.Pull, all []resource) []resource {
	return slices.DeleteFunc(all, func(r resource) bool { return r.Labels["gangway-pr"] != strconv.Itoa(p.Number) })
}

const regional = "/projects/" + local.Project + "/locations/" + local.Region

func (c *cloud) gateways(t *testing.T, p local.Pull) []resource {
	t.Helper()
	return of(p, list(t, c.world.APIGateway+"/v1"+regional+"/gateways", "gateways"))
}

func (c *cloud) configs(t *testing.T, p local.Pull) []resource {
	t.Helper()
	var all []resource
	for _, api := range list(t, c.world.APIGateway+"/v1/projects/"+local.Project+"/locations/global/apis", "apis") {
		all = append(all, of(p, list(t, c.world.APIGateway+"/v1/"+api.Name+"/configs", "apiConfigs"))...)
	}
	return all
}

func (c *cloud) revisions(t *testing.T, p local.Pull) []resource {
	t.Helper()
	return of(p, list(t, c.world.CloudRun+"/v2"+regional+"/services/orders/revisions", "revisions"))
}

// tags counts the services on which the pull request's tag stands.
func (c *cloud) tags(t *testing.T, p local.Pull) (n int) {
	t.Helper()
	for _, service := range list(t, c.world.CloudRun+"/v2"+regional+"/services", "services") {
		for _, target := range service.Traffic {
			if target.Tag == "pr-"+strconv.Itoa(p.Number) {
				n++
			}
		}
	}
	return n
}

func (c *cloud) builds(t *testing.T, p local.Pull) []resource {
	t.Helper()
	all := list(t, c.world.CloudBuild+"/v1"+regional+"/builds", "builds")
	return slices.DeleteFunc(all, func(r resource) bool { return !slices.Contains(r.Tags, "pr-"+strconv.Itoa(p.Number)) })
}
