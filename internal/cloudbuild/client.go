// Package cloudbuild starts, finds, reads and cancels the builds of previews on Cloud Build, through Google's client
// library over REST. It decides nothing: which builds are wanted, and what follows from them, is the intake's.
//
// What a build belongs to is written in its tags, so that a build whose creation was not recorded is found again.
package cloudbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	build "cloud.google.com/go/cloudbuild/apiv1/v2"
	"github.com/googleapis/gax-go/v2/apierror"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
	"google.golang.org/grpc/codes"

	"github.com/gangway-dev/gangway/internal/preview"
)

// callTimeout bounds one call of Cloud Build's API, with its retries.
const callTimeout = 30 * time.Second

// Options are what a client is made of.
type Options struct {
	// Endpoint replaces https://cloudbuild.googleapis.com; for the local cloud. "" is Google's, which serves all regions: a
	// build's region is in its name.
	Endpoint string
	// Token is a static access token for the endpoints; "" for none.
	Token string
	// Logging replaces https://logging.googleapis.com. With an Endpoint and without this one, no logs are read.
	Logging string
	// Storage replaces https://storage.googleapis.com, for sources and for logs in buckets. With an Endpoint and without this
	// one, there is no storage.
	Storage string
	// Archives is where the files of a commit come from, for requests with a source bucket.
	Archives Archives
	// HTTPClient replaces the client that authenticates with the default credentials. nil is the default.
	HTTPClient *http.Client
	Log        *slog.Logger
}

// A Client speaks to Cloud Build. It is safe for concurrent use.
type Client struct {
	builds   *build.Client
	logging  *logging.Service // nil: no logs are read
	storage  *storage.Service // nil: there is none
	archives Archives
	log      *slog.Logger
}

// New connects. Without Options.HTTPClient it needs application default credentials. Close it when it is not needed
// any more.
func New(ctx context.Context, o Options) (*Client, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{archives: o.Archives, log: o.Log}
	var err error
	if c.builds, err = build.NewRESTClient(ctx, o.client(o.Endpoint)...); err != nil {
		return nil, fmt.Errorf("connecting to Cloud Build: %w", err)
	}
	if o.Endpoint == "" || o.Logging != "" {
		if c.logging, err = logging.NewService(ctx, o.client(o.Logging)...); err != nil {
			return nil, fmt.Errorf("connecting to Cloud Logging: %w", err)
		}
	}
	if o.Endpoint == "" || o.Storage != "" {
		endpoint := o.Storage
		if endpoint != "" {
			endpoint = strings.TrimSuffix(endpoint, "/") + "/storage/v1/"
		}
		if c.storage, err = storage.NewService(ctx, o.client(endpoint)...); err != nil {
			return nil, fmt.Errorf("connecting to Cloud Storage: %w", err)
		}
	}
	return c, nil
}

// client is how one of Google's clients is made.
func (o Options) client(endpoint string) []option.ClientOption {
	var options []option.ClientOption
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	if o.Token != "" {
		options = append(options, option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: o.Token})))
	} else if o.HTTPClient != nil {
		options = append(options, option.WithHTTPClient(o.HTTPClient))
	}
	return options
}

// Close frees what the client holds.
func (c *Client) Close() error { return c.builds.Close() }

// translate turns Google's errors into the core's.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	var api *apierror.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch code(api) {
	case codes.NotFound:
		return fmt.Errorf("%s: %w: %s", doing, preview.ErrNotFound, api.Error())
	case codes.InvalidArgument:
		return &preview.UserError{
			Summary: "Cloud Build refuses the build", Detail: api.Error(),
			Hint: "Correct the build configuration that Gangway is configured with.",
		}
	case codes.FailedPrecondition: // as in a region that the project has no quota in
		return &preview.UserError{
			Summary: "Cloud Build doesn't run builds as things are", Detail: api.Error(),
			Hint: "Ask your operator to mend what it says (the region of builds, or a quota), then push again.",
		}
	case codes.PermissionDenied, codes.Unauthenticated:
		return &preview.UserError{
			Summary: "Gangway may not use Cloud Build as it is configured", Detail: api.Error(),
			Hint: "Grant the missing permission, or enable the API, then push again.",
		}
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// code is an error's gRPC code; REST answers carry it as a name, or only as an HTTP status.
func code(api *apierror.APIError) codes.Code {
	if statusName(api) == "FAILED_PRECONDITION" {
		return codes.FailedPrecondition
	}
	if s := api.GRPCStatus(); s != nil && s.Code() != codes.Unknown && s.Code() != codes.OK {
		return s.Code()
	}
	switch api.HTTPCode() {
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	}
	return codes.Unknown
}

// statusName is how an answer calls its error, where the HTTP status is that of several:
// https://cloud.google.com/apis/design/errors#http_mapping
func statusName(err error) string {
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return ""
	}
	var answer struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(e.Body), &answer) // what is no JSON has no name
	return answer.Error.Status
}
