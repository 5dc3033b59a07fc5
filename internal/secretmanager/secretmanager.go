// Package secretmanager reads secrets of Secret Manager and adds versions to them. It makes no secret, and disables and
// destroys no version.
package secretmanager

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	api "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/option"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Options are what a Client is made of. The zero value is Google's, with the application default credentials.
type Options struct {
	Endpoint string // URL of an emulator, reached without credentials
}

// A Client speaks to Secret Manager's REST API (https://cloud.google.com/secret-manager/docs/reference/rest). It is safe
// for concurrent use. Its errors wrap preview.ErrNotFound where there is no such secret or version, and hold no content.
type Client struct {
	rest *api.Client
}

// New connects to nothing yet.
func New(ctx context.Context, o Options) (*Client, error) {
	var options []option.ClientOption
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")), option.WithoutAuthentication())
	}
	rest, err := api.NewRESTClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making a Secret Manager client: %w", err)
	}
	return &Client{rest: rest}, nil
}

// Close gives up the connections.
func (c *Client) Close() error { return c.rest.Close() }

const mayAdd = "secretmanager.versions.add"

// CanAdd is nil when versions can be added to the secret: it is there, and the caller may.
func (c *Client) CanAdd(ctx context.Context, project, secret string) error {
	what := "looking at secret " + secret
	// Somebody who may only add can't read the secret itself; asking what one may needs no right.
	answer, err := c.rest.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{
		Resource: resource(project, secret), Permissions: []string{mayAdd},
	})
	if err != nil {
		return translate(what, err)
	}
	if slices.Contains(answer.GetPermissions(), mayAdd) {
		return nil
	}
	// An answer without the permission is given of a secret that isn't there, too.
	if _, err := c.rest.GetSecret(ctx, &pb.GetSecretRequest{Name: resource(project, secret)}); err != nil {
		return translate(what, err)
	}
	return fmt.Errorf("%s: the permission %s is missing", what, mayAdd)
}

// Add adds a version and returns its number.
func (c *Client) Add(ctx context.Context, project, secret string, content []byte) (string, error) {
	sum := checksum(content)
	version, err := c.rest.AddSecretVersion(ctx, &pb.AddSecretVersionRequest{
		Parent: resource(project, secret), Payload: &pb.SecretPayload{Data: content, DataCrc32C: &sum},
	})
	if err != nil {
		return "", translate("adding a version to secret "+secret, err)
	}
	return version.GetName()[strings.LastIndexByte(version.GetName(), '/')+1:], nil
}

// Latest is the content of the newest version; [preview.ErrNotFound] when there is none.
func (c *Client) Latest(ctx context.Context, project, secret string) ([]byte, error) {
	what := "reading secret " + secret
	answer, err := c.rest.AccessSecretVersion(ctx, &pb.AccessSecretVersionRequest{Name: resource(project, secret) + "/versions/latest"})
	if err != nil {
		return nil, translate(what, err)
	}
	content := answer.GetPayload().GetData()
	if want := answer.GetPayload().DataCrc32C; want != nil && *want != checksum(content) { //nolint:protogetter // whether it is there
		return nil, fmt.Errorf("%s: the content was damaged on the way", what)
	}
	return content, nil
}

// checksum is what guards a payload: https://cloud.google.com/secret-manager/docs/data-integrity
func checksum(content []byte) int64 {
	return int64(crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)))
}

func resource(project, secret string) string { return "projects/" + project + "/secrets/" + secret }

// translate says what was done and what Google said.
func translate(what string, err error) error {
	answer, ok := errors.AsType[*apierror.APIError](err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	said := answer.Error()
	if answer.HTTPCode() == http.StatusNotFound {
		return fmt.Errorf("%s: %w", what, preview.ErrNotFound)
	}
	return fmt.Errorf("%s: %s", what, said)
}
