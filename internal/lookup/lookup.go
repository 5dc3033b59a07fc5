// Package lookup reads what an operator wants to know of Google Cloud and no other adapter speaks to: service accounts and
// roles, buckets, waiting messages, image repositories. It changes nothing.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/googleapis/gax-go/v2/apierror"
	artifactregistry "google.golang.org/api/artifactregistry/v1"
	cloudresourcemanager "google.golang.org/api/cloudresourcemanager/v3"
	"google.golang.org/api/googleapi"
	iam "google.golang.org/api/iam/v1"
	monitoring "google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"
	storage "google.golang.org/api/storage/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Options are what a Client is made of. The zero value is Google's, with the application default credentials.
type Options struct {
	Endpoint string // URL of a stand-in for all of these APIs, reached without credentials
}

// A Client reads. It is safe for concurrent use. Its errors wrap preview.ErrNotFound; see also [Denied].
type Client struct {
	iam       *iam.Service
	projects  *cloudresourcemanager.Service
	buckets   *storage.Service
	series    *monitoring.Service
	artifacts *artifactregistry.Service
}

// New connects to nothing yet.
func New(ctx context.Context, o Options) (*Client, error) {
	var options []option.ClientOption
	storageOptions := options
	if o.Endpoint != "" {
		base := strings.TrimSuffix(o.Endpoint, "/")
		options = append(options, option.WithEndpoint(base+"/"), option.WithoutAuthentication())
		storageOptions = append(storageOptions, option.WithEndpoint(base+"/storage/v1/"), option.WithoutAuthentication())
	}
	c, problems := &Client{}, make([]error, 5)
	c.iam, problems[0] = iam.NewService(ctx, options...)
	c.projects, problems[1] = cloudresourcemanager.NewService(ctx, options...)
	c.buckets, problems[2] = storage.NewService(ctx, storageOptions...)
	c.series, problems[3] = monitoring.NewService(ctx, options...)
	c.artifacts, problems[4] = artifactregistry.NewService(ctx, options...)
	for _, err := range problems { // it would be the same for all
		if err != nil {
			return nil, fmt.Errorf("connecting to Google Cloud: %w", err)
		}
	}
	return c, nil
}

// Denied tells whether Google Cloud refused for want of a permission, or because the API is off, over whichever transport.
func Denied(err error) bool {
	if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer.Code == http.StatusForbidden || answer.Code == http.StatusUnauthorized
	}
	if answer, ok := errors.AsType[*apierror.APIError](err); ok && answer.HTTPCode() > 0 {
		return answer.HTTPCode() == http.StatusForbidden || answer.HTTPCode() == http.StatusUnauthorized
	}
	for _, code := range []codes.Code{codes.PermissionDenied, codes.Unauthenticated} {
		if s, ok := status.FromError(err); ok && s.Code() == code {
			return true
		}
	}
	return false
}

func translate(what string, err error) error {
	answer, ok := errors.AsType[*googleapi.Error](err)
	switch {
	case err == nil:
		return nil
	case ok && answer.Code == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, preview.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Account tells whether a service account is there and enabled; [preview.ErrNotFound] when it isn't there.
func (c *Client) Account(ctx context.Context, email string) (enabled bool, err error) {
	account, err := c.iam.Projects.ServiceAccounts.Get("projects/-/serviceAccounts/" + email).Context(ctx).Do()
	if err != nil {
		return false, translate("reading service account "+email, err)
	}
	return !account.Disabled, nil
}

// RolePermissions are the permissions of a role, predefined or custom.
func (c *Client) RolePermissions(ctx context.Context, role string) ([]string, error) {
	get := c.iam.Roles.Get(role).Context(ctx).Do
	switch {
	case strings.HasPrefix(role, "projects/"):
		get = c.iam.Projects.Roles.Get(role).Context(ctx).Do
	case strings.HasPrefix(role, "organizations/"):
		get = c.iam.Organizations.Roles.Get(role).Context(ctx).Do
	}
	found, err := get()
	if err != nil {
		return nil, translate("reading role "+role, err)
	}
	return found.IncludedPermissions, nil
}

// ProjectRoles are the members of a project's own IAM policy by role; bindings with a condition are left out.
func (c *Client) ProjectRoles(ctx context.Context, project string) (map[string][]string, error) {
	policy, err := c.projects.Projects.GetIamPolicy("projects/"+project, &cloudresourcemanager.GetIamPolicyRequest{
		Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}, // or bindings with a condition look like ones without
	}).Context(ctx).Do()
	if err != nil {
		return nil, translate("reading the IAM policy of project "+project, err)
	}
	roles := map[string][]string{}
	for _, b := range policy.Bindings {
		if b.Condition == nil {
			roles[b.Role] = append(roles[b.Role], b.Members...)
		}
	}
	return roles, nil
}

// A Bucket is a bucket of Cloud Storage.
type Bucket struct {
	Versioned bool // former contents are kept
	Public    bool // nothing prevents objects from being public
}

// Bucket reads a bucket; [preview.ErrNotFound] when there is none.
func (c *Client) Bucket(ctx context.Context, name string) (Bucket, error) {
	found, err := c.buckets.Buckets.Get(name).Context(ctx).Do()
	if err != nil {
		return Bucket{}, translate("reading bucket "+name, err)
	}
	b := Bucket{Public: true}
	if found.Versioning != nil {
		b.Versioned = found.Versioning.Enabled
	}
	if found.IamConfiguration != nil {
		b.Public = found.IamConfiguration.PublicAccessPrevention != "enforced"
	}
	return b, nil
}

// waitingMetric has a point every minute, some minutes late: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub
const waitingMetric = "pubsub.googleapis.com/subscription/num_undelivered_messages"

// waitingSince is how far back a point is looked for.
const waitingSince = 15 * time.Minute

// Waiting is how many messages wait in a subscription, as Cloud Monitoring last saw it; false when it has seen nothing.
func (c *Client) Waiting(ctx context.Context, project, subscription string, now time.Time) (n int64, seen bool, err error) {
	answer, err := c.series.Projects.TimeSeries.List("projects/" + project).
		Filter(fmt.Sprintf("metric.type = %q AND resource.labels.subscription_id = %q", waitingMetric, subscription)).
		IntervalStartTime(now.Add(-waitingSince).UTC().Format(time.RFC3339)).IntervalEndTime(now.UTC().Format(time.RFC3339)).
		PageSize(1).Context(ctx).Do()
	if err != nil {
		return 0, false, translate("reading how many messages wait in "+subscription, err)
	}
	for _, series := range answer.TimeSeries {
		if len(series.Points) > 0 && series.Points[0].Value != nil && series.Points[0].Value.Int64Value != nil { // the newest first
			return *series.Points[0].Value.Int64Value, true, nil
		}
	}
	return 0, false, nil
}

// Images tells whether an image repository is there: LOCATION-docker.pkg.dev/PROJECT/REPOSITORY, with or without more.
// [preview.ErrNotFound]: it isn't.
func (c *Client) Images(ctx context.Context, images string) error {
	part := strings.Split(images, "/")
	location, ok := strings.CutSuffix(part[0], "-docker.pkg.dev")
	if !ok || len(part) < 3 {
		return fmt.Errorf("%s is no repository of Artifact Registry", images)
	}
	name := "projects/" + part[1] + "/locations/" + location + "/repositories/" + part[2]
	_, err := c.artifacts.Projects.Locations.Repositories.Get(name).Context(ctx).Do()
	return translate("reading image repository "+images, err)
}
