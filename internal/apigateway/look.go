package apigateway

import (
	"context"
	"errors"
	"fmt"

	pb "cloud.google.com/go/apigateway/apiv1/apigatewaypb"
	"google.golang.org/api/iterator"
)

// API is the state of an API; preview.ErrNotFound when there is none.
func (c *Client) API(ctx context.Context, project, api string) (string, error) {
	got, err := c.rest.GetApi(ctx, &pb.GetApiRequest{Name: apiName(project, api)})
	if err != nil {
		return "", translate("reading API "+api, err)
	}
	return got.GetState().String(), nil
}

// CountAPIs is how many APIs a project has.
func (c *Client) CountAPIs(ctx context.Context, project string) (int, error) {
	it := c.rest.ListApis(ctx, &pb.ListApisRequest{Parent: locationName(project, "global"), PageSize: pageSize})
	n := 0
	for {
		_, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return 0, translate("listing APIs of "+project, err)
		}
		n++
	}
	if err := complete(it.Response); err != nil {
		return 0, fmt.Errorf("listing APIs of %s: %w", project, err)
	}
	return n, nil
}
