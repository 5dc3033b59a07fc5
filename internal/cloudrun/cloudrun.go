// Package cloudrun deploys revisions without traffic under tags on Cloud Run, and takes the tags away again. It is the
// only place that knows Cloud Run's client library.
//
// What it never does, whatever else goes wrong: change a traffic percentage (but by [Client.Shift]), or an entry of the traffic
// list that is somebody else's. Cloud Run has no call to add a tag: the list is written as a whole. So each write is made from a fresh
// read, carries that read's etag, and is tried again from a new read when somebody was faster. It neither waits for
// readiness nor decides what is deployed; package intake does.
package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/throttle"
)

// Options are what a Client is made of.
type Options struct {
	// Endpoint is the URL of an emulator, reached without credentials; "" is Google Cloud with the application default
	// credentials.
	Endpoint string
	Token    string // static access token for Endpoint; "" for none
	// Backoff is the longest first pause after a conflict; it doubles up to 32 times as much. 0 is 100 ms.
	Backoff time.Duration
	Log     *slog.Logger // nil discards
}

// A Client reads and changes services of any project. It is safe for concurrent use.
type Client struct {
	services  *run.ServicesClient
	revisions *run.RevisionsClient
	backoff   time.Duration
	log       *slog.Logger

	mu      sync.Mutex
	writers map[preview.ServiceRef]chan struct{} // one token each: our own writers take turns
}

// callTimeout bounds one call, the client library's own retries of a 503 included.
const callTimeout = time.Minute

// New makes a client. It does not connect: a far end that is down shows in the first call.
func New(ctx context.Context, o Options) (*Client, error) {
	options := []option.ClientOption{option.WithScopes(run.DefaultAuthScopes()...)}
	switch {
	case o.Endpoint != "" && o.Token != "":
		source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: o.Token})
		options = append(options, option.WithEndpoint(o.Endpoint), option.WithTokenSource(source))
	case o.Endpoint != "":
		options = append(options, option.WithEndpoint(o.Endpoint), option.WithoutAuthentication())
	}
	client, _, err := transport.NewClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making a Cloud Run client: %w", err)
	}
	client.Transport = &throttle.Transport{Base: client.Transport}
	options = []option.ClientOption{option.WithHTTPClient(client)}
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(o.Endpoint))
	}
	services, err := run.NewServicesRESTClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making a Cloud Run client: %w", err)
	}
	revisions, err := run.NewRevisionsRESTClient(ctx, options...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a Cloud Run client: %w", err), services.Close())
	}
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		services: services, revisions: revisions, backoff: o.Backoff, log: o.Log,
		writers: map[preview.ServiceRef]chan struct{}{},
	}, nil
}

// Close gives the connections back.
func (c *Client) Close() error { return errors.Join(c.services.Close(), c.revisions.Close()) }

// Service reads a service; [preview.ErrNotFound] when there is none. The entries of its traffic list that follow the
// latest revision say in Revision which one that is now.
func (c *Client) Service(ctx context.Context, ref preview.ServiceRef) (preview.CloudRunService, error) {
	v, err := c.read(ctx, ref)
	if err != nil {
		return preview.CloudRunService{}, err
	}
	return preview.CloudRunService{
		Ref: ref, URL: v.GetUri(), Etag: v.GetEtag(), Reconciling: !settled(v), Traffic: targets(v),
	}, nil
}

// settled tells whether what a service says of its state is about what was written last. While it reconciles, that is
// transient. https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#Service.FIELDS.reconciling
func settled(v *runpb.Service) bool {
	return !v.GetReconciling() && v.GetObservedGeneration() == v.GetGeneration()
}

func (c *Client) read(ctx context.Context, ref preview.ServiceRef) (*runpb.Service, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	v, err := c.services.GetService(ctx, &runpb.GetServiceRequest{Name: serviceName(ref)})
	if err != nil {
		return nil, fmt.Errorf("reading Cloud Run service %q: %w", ref.Name, translate(err))
	}
	return v, nil
}

// Revision reads a revision of a service by its short name; [preview.ErrNotFound] when there is none.
func (c *Client) Revision(ctx context.Context, ref preview.ServiceRef, name string) (preview.CloudRunRevision, error) {
	r, err := c.revision(ctx, ref, name)
	if err != nil {
		return preview.CloudRunRevision{}, err
	}
	return revisionOf(ref, r), nil
}

func (c *Client) revision(ctx context.Context, ref preview.ServiceRef, name string) (*runpb.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := c.revisions.GetRevision(ctx, &runpb.GetRevisionRequest{Name: serviceName(ref) + "/revisions/" + name})
	if err != nil {
		return nil, fmt.Errorf("reading Cloud Run revision %q: %w", name, translate(err))
	}
	return r, nil
}

// judge reads a revision's Ready condition: https://cloud.google.com/run/docs/reference/rest/v2/Condition
func judge(r *runpb.Revision) (preview.Readiness, string) {
	for _, condition := range r.GetConditions() {
		if condition.GetType() != "Ready" {
			continue
		}
		switch condition.GetState() {
		case runpb.Condition_CONDITION_SUCCEEDED:
			return preview.ReadinessReady, ""
		case runpb.Condition_CONDITION_FAILED:
			return preview.ReadinessFailed, condition.GetMessage()
		default: // pending or reconciling
		}
	}
	return preview.ReadinessPending, ""
}

func serviceName(ref preview.ServiceRef) string {
	return "projects/" + ref.Project + "/locations/" + ref.Region + "/services/" + ref.Name
}
