package apigateway

import (
	"context"

	pb "cloud.google.com/go/apigateway/apiv1/apigatewaypb"
)

// API is the state of an API; preview.ErrNotFound when there is none.
func (c *Client) API(ctx context.Context, project, api string) (string, error) {
	got, err := c.rest.GetApi(ctx, &pb.GetApiRequest{Name: apiName(project, api)})
	if err != nil {
		return "", translate("reading API "+api, err)
	}
	return got.GetState().String(), nil
}
