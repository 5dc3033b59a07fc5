package apigateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	client "cloud.google.com/go/apigateway/apiv1"
	pb "cloud.google.com/go/apigateway/apiv1/apigatewaypb"
	"github.com/googleapis/gax-go/v2"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// newClient returns Google's own client library, pointed at a server on loopback with the clock of the machine.
func newClient(t *testing.T) *client.Client {
	t.Helper()
	s, err := New(Options{
		Dir: t.TempDir(), Latency: Latency{API: time.Millisecond, Config: time.Millisecond}, Violation: conformance.Fail(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.NewRESTClient(t.Context(), option.WithEndpoint(server.URL), option.WithoutAuthentication(),
		option.WithHTTPClient(http.DefaultClient))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// waiter is an operation of the client library; its own Wait polls too slowly for a test.
type waiter[T any] interface {
	Poll(ctx context.Context, opts ...gax.CallOption) (T, error)
	Done() bool
}

func wait[T any](t *testing.T, op waiter[T], err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for {
		result, err := op.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if op.Done() {
			return result
		}
		time.Sleep(time.Millisecond)
	}
}

func TestClientLibrary(t *testing.T) {
	c := newClient(t)
	const parent = "projects/demo/locations/global"
	create, err := c.CreateApi(t.Context(), &pb.CreateApiRequest{Parent: parent, ApiId: "shop", Api: &pb.Api{DisplayName: "Shop"}})
	a := wait[*pb.Api](t, create, err)
	if a.GetName() != parent+"/apis/shop" || a.GetState() != pb.Api_ACTIVE || a.GetManagedService() == "" {
		t.Errorf("the API is %v", a)
	}
	newConfig, err := c.CreateApiConfig(t.Context(), &pb.CreateApiConfigRequest{
		Parent: a.GetName(), ApiConfigId: "c1", ApiConfig: &pb.ApiConfig{
			Labels: map[string]string{"pr": "1"}, GatewayServiceAccount: "gw@demo.iam.gserviceaccount.com",
			OpenapiDocuments: []*pb.ApiConfig_OpenApiDocument{{Document: &pb.ApiConfig_File{
				Path: "openapi.yaml", Contents: []byte(document("http://b.example")),
			}}},
		},
	})
	config := wait[*pb.ApiConfig](t, newConfig, err)
	full, err := c.GetApiConfig(t.Context(), &pb.GetApiConfigRequest{Name: config.GetName(), View: pb.GetApiConfigRequest_FULL})
	if err != nil {
		t.Fatal(err)
	}
	if full.GetServiceConfigId() == "" || len(full.GetOpenapiDocuments()) != 1 ||
		string(full.GetOpenapiDocuments()[0].GetDocument().GetContents()) != document("http://b.example") {
		t.Errorf("the config is %v", full)
	}
	newGateway, err := c.CreateGateway(t.Context(), &pb.CreateGatewayRequest{
		Parent: "projects/demo/locations/europe-west1", GatewayId: "pr-1", Gateway: &pb.Gateway{ApiConfig: config.GetName()},
	})
	g := wait[*pb.Gateway](t, newGateway, err)
	if g.GetState() != pb.Gateway_ACTIVE || !strings.HasSuffix(g.GetDefaultHostname(), ".ew.gateway.localhost") {
		t.Errorf("the gateway is %v", g)
	}
	// What was read is sent back with its output-only fields, as clients do.
	g.Labels = map[string]string{"pr": "1"}
	update, err := c.UpdateGateway(t.Context(), &pb.UpdateGatewayRequest{
		Gateway: g, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels", "api_config", "display_name"}},
	})
	if g = wait[*pb.Gateway](t, update, err); g.GetLabels()["pr"] != "1" {
		t.Errorf("after the update the gateway is %v", g)
	}
	it := c.ListApiConfigs(t.Context(), &pb.ListApiConfigsRequest{Parent: a.GetName(), Filter: "labels.pr=1"})
	if found, err := it.Next(); err != nil || found.GetName() != config.GetName() {
		t.Errorf("the list begins with %v, %v", found, err)
	}
	_, err = c.GetApi(t.Context(), &pb.GetApiRequest{Name: parent + "/apis/none"})
	apiErr, ok := errors.AsType[*apierror.APIError](err)
	if !ok || apiErr.HTTPCode() != http.StatusNotFound {
		t.Errorf("the error is %v", err)
	}
}
