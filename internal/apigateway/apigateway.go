// Package apigateway asks API Gateway for what Terraform can't tell or do: to list the API configs and gateways of an
// installation by their labels, and to delete what no Terraform state holds. It creates nothing.
package apigateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	apigateway "cloud.google.com/go/apigateway/apiv1"
	pb "cloud.google.com/go/apigateway/apiv1/apigatewaypb"
	"golang.org/x/oauth2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/throttle"
)

// Options configure a [Client]. The zero value is Google's API Gateway with the application's default credentials.
type Options struct {
	Endpoint string       // scheme and host of another API Gateway, such as an emulator; it is called without credentials
	Token    string       // static bearer token instead of other credentials; "" for none
	HTTP     *http.Client // transport; with it neither credentials nor Token are used
	// PollInterval is the first pause between two looks at an operation; it grows to 10 s. 0 is 200 ms.
	PollInterval time.Duration
}

const (
	defaultPollInterval = 200 * time.Millisecond
	maxPollInterval     = 10 * time.Second
	// pageSize is how many resources are asked for at once: more than the quotas allow (100 configs, 50 gateways).
	pageSize = 200
	// A list is read within listTimeout. A deletion that takes longer than deleteTimeout is looked at again by whoever tries
	// it next.
	listTimeout   = time.Minute
	deleteTimeout = 10 * time.Minute
)

// Client is a client of API Gateway's REST API (https://docs.cloud.google.com/api-gateway/docs/reference/rest). It is
// safe for concurrent use. Its errors wrap preview.ErrNotFound and preview.ErrConflict; all others are temporary.
type Client struct {
	rest *apigateway.Client
	poll time.Duration
}

// New connects to nothing yet. ctx is only for finding credentials.
func New(ctx context.Context, o Options) (*Client, error) {
	var options []option.ClientOption
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")))
	}
	switch {
	case o.Token != "":
		options = append(options, option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: o.Token})))
	case o.Endpoint != "":
		options = append(options, option.WithoutAuthentication())
	}
	client := o.HTTP
	if client == nil {
		var err error
		if client, _, err = transport.NewClient(ctx, append(options, option.WithScopes(apigateway.DefaultAuthScopes()...))...); err != nil {
			return nil, fmt.Errorf("connecting to API Gateway: %w", err)
		}
	}
	throttled := *client
	if throttled.Transport == nil {
		throttled.Transport = http.DefaultTransport
	}
	throttled.Transport = &throttle.Transport{Base: throttled.Transport}
	options = []option.ClientOption{option.WithHTTPClient(&throttled)}
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")))
	}
	rest, err := apigateway.NewRESTClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to API Gateway: %w", err)
	}
	if o.PollInterval <= 0 {
		o.PollInterval = defaultPollInterval
	}
	return &Client{rest: rest, poll: o.PollInterval}, nil
}

// Close gives up the connections.
func (c *Client) Close() error { return c.rest.Close() }

// Configs lists the API configs of an API that have all of labels, in the order of their ids. The error is
// preview.ErrNotFound when there is no such API.
func (c *Client) Configs(ctx context.Context, project, api string, labels map[string]string) ([]preview.APIConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	it := c.rest.ListApiConfigs(ctx, &pb.ListApiConfigsRequest{Parent: apiName(project, api), PageSize: pageSize})
	var out []preview.APIConfig
	for {
		config, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return nil, translate("listing API configs of "+api, err)
		}
		if hasLabels(config.GetLabels(), labels) {
			out = append(out, preview.APIConfig{
				API: api, ID: last(config.GetName()), State: configState(config.GetState()),
				Labels: config.GetLabels(), Created: instant(config.GetCreateTime()),
			})
		}
	}
	if err := complete(it.Response); err != nil {
		return nil, fmt.Errorf("listing API configs of %s: %w", api, err)
	}
	slices.SortFunc(out, func(a, b preview.APIConfig) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Gateways lists the gateways of a region that have all of labels, in the order of their ids.
func (c *Client) Gateways(ctx context.Context, project, region string, labels map[string]string) ([]preview.APIGateway, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	it := c.rest.ListGateways(ctx, &pb.ListGatewaysRequest{Parent: locationName(project, region), PageSize: pageSize})
	var out []preview.APIGateway
	for {
		gateway, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return nil, translate("listing gateways of "+region, err)
		}
		if hasLabels(gateway.GetLabels(), labels) {
			out = append(out, gatewayOf(gateway))
		}
	}
	if err := complete(it.Response); err != nil {
		return nil, fmt.Errorf("listing gateways of %s: %w", region, err)
	}
	slices.SortFunc(out, func(a, b preview.APIGateway) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Gateway returns one gateway, or preview.ErrNotFound.
func (c *Client) Gateway(ctx context.Context, project, region, id string) (preview.APIGateway, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	gateway, err := c.rest.GetGateway(ctx, &pb.GetGatewayRequest{Name: gatewayName(project, region, id)})
	if err != nil {
		return preview.APIGateway{}, translate("reading gateway "+id, err)
	}
	return gatewayOf(gateway), nil
}

// DeleteConfig deletes an API config and waits until that is done. preview.ErrConflict says that a gateway serves it or
// that something else is being done to it, preview.ErrNotFound that it is gone already.
func (c *Client) DeleteConfig(ctx context.Context, project, api, id string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	what := "deleting API config " + id
	op, err := c.rest.DeleteApiConfig(ctx, &pb.DeleteApiConfigRequest{Name: apiName(project, api) + "/configs/" + id})
	if err != nil {
		return translate(what, err)
	}
	return c.wait(ctx, what, op)
}

// DeleteGateway deletes a gateway and waits until that is done. Errors are as with [Client.DeleteConfig].
func (c *Client) DeleteGateway(ctx context.Context, project, region, id string) error {
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	what := "deleting gateway " + id
	op, err := c.rest.DeleteGateway(ctx, &pb.DeleteGatewayRequest{Name: gatewayName(project, region, id)})
	if err != nil {
		return translate(what, err)
	}
	return c.wait(ctx, what, op)
}

func apiName(project, api string) string { return locationName(project, "global") + "/apis/" + api }

func gatewayName(project, region, id string) string {
	return locationName(project, region) + "/gateways/" + id
}

func locationName(project, location string) string {
	return "projects/" + project + "/locations/" + location
}

// last is the last segment of a resource name.
func last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// hasLabels tells whether all of want are among have. API Gateway's own filter is documented too vaguely to delete by.
func hasLabels(have, want map[string]string) bool {
	for k := range maps.Keys(want) {
		if v, ok := have[k]; !ok || v != want[k] {
			return false
		}
	}
	return true
}

// complete refuses an answer that leaves out places that API Gateway could not reach: what is missing there is not gone.
func complete(response any) error {
	r, ok := response.(interface{ GetUnreachableLocations() []string })
	if !ok || len(r.GetUnreachableLocations()) == 0 {
		return nil
	}
	return fmt.Errorf("API Gateway could not reach %s", strings.Join(r.GetUnreachableLocations(), ", "))
}

func gatewayOf(g *pb.Gateway) preview.APIGateway {
	out := preview.APIGateway{
		ID: last(g.GetName()), State: gatewayState(g.GetState()), Hostname: g.GetDefaultHostname(),
		Labels: g.GetLabels(), Created: instant(g.GetCreateTime()),
	}
	// projects/P/locations/global/apis/A/configs/C
	if part := strings.Split(g.GetApiConfig(), "/"); len(part) == 8 {
		out.API, out.ConfigID = part[5], part[7]
	}
	return out
}

// configState is a config's state. A config that is being activated is still being created as far as the rule of one
// creation at a time is concerned.
func configState(s pb.ApiConfig_State) preview.APIState {
	if s == pb.ApiConfig_ACTIVATING {
		return preview.APIStateCreating
	}
	return preview.APIState(s.String())
}

func gatewayState(s pb.Gateway_State) preview.APIState { return preview.APIState(s.String()) }

func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
