package cloudbuild

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxReason bounds what is kept of Cloud Build's words on a failure.
const maxReason = 1000

func parent(project, region string) string {
	if region == "" {
		region = "global"
	}
	return "projects/" + project + "/locations/" + region
}

// Start starts a build unless one of the same key, generation and service was started before, and returns that one. A
// configuration or an account that Cloud Build refuses is a [*preview.UserError]. After any other error it is unknown
// whether the build was started: call Start again.
func (c *Client) Start(ctx context.Context, r preview.BuildRequest) (preview.Build, error) {
	b, err := newBuild(r)
	if err != nil {
		return preview.Build{}, err
	}
	found, ok, err := c.Find(ctx, r)
	if err != nil || ok {
		return found, err
	}
	if b.Source, err = c.source(ctx, r); err != nil {
		return preview.Build{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	operation, err := c.builds.CreateBuild(ctx, &cloudbuildpb.CreateBuildRequest{
		Parent: parent(r.Project, r.Region), ProjectId: r.Project, Build: b,
	})
	if err != nil {
		return preview.Build{}, startError(translate("starting a build", err))
	}
	metadata, err := operation.Metadata()
	if err != nil {
		return preview.Build{}, fmt.Errorf("starting a build: reading the answer: %w", err)
	}
	if metadata.GetBuild().GetId() == "" {
		return preview.Build{}, errors.New("starting a build: the answer names no build")
	}
	return fromProto(metadata.GetBuild()), nil
}

// startError makes what Cloud Build does not know when a build is created (a project, a connection) visible: it doesn't
// appear by itself.
func startError(err error) error {
	if !errors.Is(err, preview.ErrNotFound) {
		return err
	}
	return &preview.UserError{
		Summary: "Cloud Build doesn't know something that Gangway is configured with", Detail: err.Error(),
		Hint: "Ask your operator to correct the project, the region of builds or the repository's connection, then push again.",
	}
}

// Get reads a build. [preview.ErrNotFound] when Cloud Build knows none of that id.
func (c *Client) Get(ctx context.Context, ref preview.BuildRef) (preview.Build, error) {
	b, err := c.get(ctx, ref)
	if err != nil {
		return preview.Build{}, err
	}
	return fromProto(b), nil
}

func (c *Client) get(ctx context.Context, ref preview.BuildRef) (*cloudbuildpb.Build, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	b, err := c.builds.GetBuild(ctx, &cloudbuildpb.GetBuildRequest{
		Name: parent(ref.Project, ref.Region) + "/builds/" + ref.ID, ProjectId: ref.Project, Id: ref.ID,
	})
	return b, translate("reading a build", err)
}

// Find looks for the newest build of the request's key, generation and service, whatever else it was to build; false
// when there is none.
func (c *Client) Find(ctx context.Context, r preview.BuildRequest) (preview.Build, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	it := c.builds.ListBuilds(ctx, &cloudbuildpb.ListBuildsRequest{
		Parent: parent(r.Project, r.Region), ProjectId: r.Project, PageSize: 100,
		Filter: fmt.Sprintf("tags=%q", memberTag(r.Key, r.Generation, r.Service)),
	})
	var newest *cloudbuildpb.Build
	for {
		b, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return preview.Build{}, false, translate("looking for a build", err)
		}
		// The filter is the far end's; what counts is what the build says.
		if !ours(b.GetTags(), r.Key, r.Generation, r.Service) {
			continue
		}
		if newest == nil || b.GetCreateTime().AsTime().After(newest.GetCreateTime().AsTime()) {
			newest = b
		}
	}
	if newest == nil {
		return preview.Build{}, false, nil
	}
	return fromProto(newest), true, nil
}

// Cancel cancels a build. One that has ended already is no error; one that is not known is [preview.ErrNotFound].
func (c *Client) Cancel(ctx context.Context, ref preview.BuildRef) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.builds.CancelBuild(call, &cloudbuildpb.CancelBuildRequest{
		Name: parent(ref.Project, ref.Region) + "/builds/" + ref.ID, ProjectId: ref.Project, Id: ref.ID,
	})
	if err == nil {
		return nil
	}
	var api *apierror.APIError
	if errors.As(err, &api) && (code(api) == codes.FailedPrecondition || code(api) == codes.InvalidArgument) {
		if b, getErr := c.Get(ctx, ref); getErr == nil && b.Status.Done() {
			return nil
		}
	}
	return translate("cancelling a build", err)
}

// ParseNotice reads which build a notice of Cloud Build (the data of its Pub/Sub message) is about. Nothing else of it
// is to be believed.
func ParseNotice(data []byte) (preview.BuildRef, error) {
	var n struct {
		ID        string `json:"id"`
		ProjectID string `json:"projectId"`
		Name      string `json:"name"`
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return preview.BuildRef{}, fmt.Errorf("reading a notice: %w", err)
	}
	ref := preview.BuildRef{Project: n.ProjectID, Region: "global", ID: n.ID}
	part := strings.Split(n.Name, "/")
	if len(part) == 6 && part[0] == "projects" && part[2] == "locations" && part[4] == "builds" {
		ref.Region = part[3]
	}
	for _, name := range []string{ref.Project, ref.Region, ref.ID} {
		if !validName(name) {
			return preview.BuildRef{}, errors.New("reading a notice: it names no build")
		}
	}
	return ref, nil
}

// validName tells whether s can be a part of a resource name: it becomes a part of a URL.
func validName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:.") == "" && strings.Trim(s, ".") != ""
}

// fromProto is a build in our words.
func fromProto(b *cloudbuildpb.Build) preview.Build {
	out := preview.Build{
		ID: b.GetId(), Status: status(b.GetStatus()), LogURL: b.GetLogUrl(),
		Created: at(b.GetCreateTime()), Started: at(b.GetStartTime()), Finished: at(b.GetFinishTime()),
	}
	readTags(b.GetTags(), &out)
	if len(b.GetImages()) > 0 {
		out.Image = withoutTag(b.GetImages()[0])
	}
	if out.Status == preview.BuildSucceeded {
		for _, image := range b.GetResults().GetImages() {
			if withoutTag(image.GetName()) == out.Image {
				out.Digest = image.GetDigest()
			}
		}
		return out
	}
	if out.Status.Done() {
		if i := failingStep(b); i >= 0 {
			out.Step = stepName(b, i)
		}
		out.Reason = reason(b)
	}
	return out
}

func at(t *timestamppb.Timestamp) (u time.Time) {
	if t != nil {
		u = t.AsTime()
	}
	return u
}

// withoutTag cuts the tag or digest off an image's name; a colon before the last slash is a port's.
func withoutTag(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}

func status(s cloudbuildpb.Build_Status) preview.BuildStatus {
	switch s {
	case cloudbuildpb.Build_WORKING:
		return preview.BuildWorking
	case cloudbuildpb.Build_SUCCESS:
		return preview.BuildSucceeded
	case cloudbuildpb.Build_FAILURE:
		return preview.BuildFailed
	case cloudbuildpb.Build_INTERNAL_ERROR:
		return preview.BuildBroken
	case cloudbuildpb.Build_TIMEOUT:
		return preview.BuildTimedOut
	case cloudbuildpb.Build_CANCELLED:
		return preview.BuildCancelled
	case cloudbuildpb.Build_EXPIRED:
		return preview.BuildExpired
	default: // PENDING, QUEUED, and what is new to us
		return preview.BuildQueued
	}
}

// failingStep is the number of the first step that went wrong, -1 when none did.
func failingStep(b *cloudbuildpb.Build) int {
	for i, step := range b.GetSteps() {
		if step.GetAllowFailure() {
			continue
		}
		switch step.GetStatus() {
		case cloudbuildpb.Build_FAILURE, cloudbuildpb.Build_TIMEOUT, cloudbuildpb.Build_INTERNAL_ERROR:
			return i
		default: // well, not begun, or stopped because of another
		}
	}
	return -1
}

// stepName is a step's id, or else its number and image.
func stepName(b *cloudbuildpb.Build, i int) string {
	step := b.GetSteps()[i]
	if step.GetId() != "" {
		return step.GetId()
	}
	return fmt.Sprintf("%d (%s)", i, step.GetName())
}

// reason is what Cloud Build itself tells of the failure.
func reason(b *cloudbuildpb.Build) string {
	text := cmp.Or(b.GetFailureInfo().GetDetail(), b.GetStatusDetail())
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "\uFFFD")
}

// readTags fills in what a build's tags say.
func readTags(have []string, b *preview.Build) {
	for _, tag := range have {
		for prefix, set := range map[string]func(string){
			tagEnvironment: func(v string) { b.Key.Environment = v },
			tagGateway:     func(v string) { b.Key.Gateway = v },
			tagRepository:  func(v string) { b.Key.Repository, _ = strconv.ParseInt(v, 10, 64) },
			tagPullRequest: func(v string) { b.Key.PullRequest, _ = strconv.Atoi(v) },
			tagService:     func(v string) { b.Service = v },
			tagCommit:      func(v string) { b.SHA = v },
		} {
			if value, ok := strings.CutPrefix(tag, prefix); ok {
				set(value)
			}
		}
		if value, ok := strings.CutPrefix(tag, tagGeneration); ok {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				b.Generation = n
			}
		}
	}
}
