package cloudbuild

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	configurations "github.com/gangway-dev/gangway/cloudbuild"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Defaults for requests that leave the times open.
const (
	defaultTimeout      = 20 * time.Minute
	defaultQueueTimeout = 30 * time.Minute
)

// sha is a commit's full name: nothing else goes into a build.
var sha = regexp.MustCompile(`^[0-9a-f]{40}$`)

// ParseConfig reads a Cloud Build configuration (YAML or JSON) strictly: an unknown field is an error.
func ParseConfig(config []byte) (*cloudbuildpb.Build, error) {
	var tree any
	if err := yaml.Unmarshal(config, &tree); err != nil {
		return nil, fmt.Errorf("reading the build configuration: %w", err)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("reading the build configuration: %w", err)
	}
	b := &cloudbuildpb.Build{}
	if err := protojson.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("reading the build configuration: %w", err)
	}
	return b, nil
}

// newBuild is the build that a request asks for. The configuration says how; what is built, as whom, for how long and
// what it is called is the request's, whatever the configuration says.
func newBuild(r preview.BuildRequest) (*cloudbuildpb.Build, error) {
	if !r.Key.Valid() || r.Service == "" || !sha.MatchString(r.SHA) {
		return nil, fmt.Errorf("build request for %q: key, service or commit is not well formed", r.Key)
	}
	config := r.Config
	if len(config) == 0 {
		config = configurations.Preview
	}
	b, err := ParseConfig(config)
	if err != nil {
		return nil, &preview.UserError{
			Summary: "The build configuration can't be used", Detail: err.Error(),
			Hint: "Correct the Cloud Build configuration that Gangway is configured with.",
		}
	}
	b.Tags = tags(r)
	b.Substitutions = substitutions(r, string(config), b.Substitutions)
	b.Timeout, b.QueueTtl = durationpb.New(r.Timeout), durationpb.New(r.QueueTimeout)
	if r.Timeout <= 0 {
		b.Timeout = durationpb.New(defaultTimeout)
	}
	if r.QueueTimeout <= 0 {
		b.QueueTtl = durationpb.New(defaultQueueTimeout)
	}
	b.ServiceAccount = ""
	if r.ServiceAccount != "" {
		b.ServiceAccount = "projects/" + r.Project + "/serviceAccounts/" + r.ServiceAccount
	}
	b.ProjectId, b.Id, b.Name = "", "", ""
	return b, nil
}

// source is where Cloud Build gets the commit from. None of the ways needs a token in the build.
func (c *Client) source(ctx context.Context, r preview.BuildRequest) (*cloudbuildpb.Source, error) {
	switch {
	case r.Connection != "":
		return &cloudbuildpb.Source{Source: &cloudbuildpb.Source_ConnectedRepository{
			ConnectedRepository: &cloudbuildpb.ConnectedRepository{Repository: r.Connection, Revision: r.SHA},
		}}, nil
	case r.SourceBucket != "":
		object, err := c.upload(ctx, r)
		return &cloudbuildpb.Source{Source: &cloudbuildpb.Source_StorageSource{StorageSource: object}}, err
	}
	return &cloudbuildpb.Source{Source: &cloudbuildpb.Source_GitSource{
		GitSource: &cloudbuildpb.GitSource{Url: r.CloneURL, Revision: r.SHA},
	}}, nil
}

// substitutions are those of the request that the configuration mentions, because Cloud Build refuses any other, and
// the configuration's own.
func substitutions(r preview.BuildRequest, config string, own map[string]string) map[string]string {
	values := map[string]string{
		"_IMAGE": r.Image, "_SERVICE": r.Service, "_CONTEXT": r.Context, "_DOCKERFILE": r.Dockerfile,
		"_COMPOSE_TEST": r.ComposeTest, "_SHA": r.SHA, "_PULL_REQUEST": strconv.Itoa(r.Key.PullRequest),
		"_CACHE": cache(r),
	}
	all := map[string]string{}
	maps.Copy(all, own)
	for name, value := range values {
		if mentions(config, name) {
			all[name] = value
		} else {
			delete(all, name)
		}
	}
	return all
}

// cache is where a build keeps its layers for the next build of the same pull request, and of no other. What comes from a
// fork has none: nobody but who approved its commit has looked at it.
func cache(r preview.BuildRequest) string {
	if r.Fork {
		return ""
	}
	return fmt.Sprintf("%s:cache-%d-pr-%d", r.Image, r.Key.Repository, r.Key.PullRequest)
}

func mentions(config, name string) bool {
	found := regexp.MustCompile(`\$\{?` + name + `\b`).FindStringIndex(uncommented(config))
	return found != nil
}

// comment is a YAML comment on a line of its own.
var comment = regexp.MustCompile(`(?m)^\s*#.*$`)

func uncommented(config string) string { return comment.ReplaceAllString(config, "") }

// Names of tags. A tag is in [A-Za-z0-9_.-]{1,128} and says one thing each.
const (
	tagOurs        = "gangway"
	tagEnvironment = "environment-"
	tagGateway     = "gateway-"
	tagRepository  = "repository-"
	tagPullRequest = "pr-"
	tagGeneration  = "g"
	tagService     = "service-"
	tagCommit      = "commit-"
	tagChange      = "change-" // for people and logs; nothing is read from it
)

func tags(r preview.BuildRequest) []string {
	return []string{
		tagOurs, memberTag(r.Key, r.Generation, r.Service),
		tagEnvironment + r.Key.Environment, tagGateway + r.Key.Gateway,
		tagRepository + strconv.FormatInt(r.Key.Repository, 10), tagPullRequest + strconv.Itoa(r.Key.PullRequest),
		tagGeneration + strconv.FormatInt(r.Generation, 10), tagService + r.Service, tagCommit + r.SHA,
		tagChange + r.Key.Change(r.SHA),
	}
}

// memberTag is the one tag that a build is looked for by: all builds of a member in a generation have it, no others.
func memberTag(key preview.Key, generation int64, service string) string {
	return "preview-" + key.Hash() + "-" + tagGeneration + strconv.FormatInt(generation, 10) + "-" + service
}

// ours tells whether tags are those of a build of a member, whatever else there is.
func ours(have []string, key preview.Key, generation int64, service string) bool {
	b := preview.Build{}
	readTags(have, &b)
	return slices.Contains(have, tagOurs) && b.Key == key && b.Generation == generation && b.Service == service
}
