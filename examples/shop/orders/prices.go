package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// prices asks the service catalog. Cloud Run lets only invokers call it, so each call carries an ID token, which the
// metadata server gives: https://cloud.google.com/run/docs/authenticating/service-to-service
type prices struct {
	catalog  string // URL
	audience string // of the token: the service's own URL, also when catalog is a tag URL; "" sends none
	metadata string // host of the metadata server
	client   *http.Client
}

func newPrices(catalog, audience, metadata string) *prices {
	if metadata == "" {
		metadata = "metadata.google.internal"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dial
	return &prices{
		catalog: strings.TrimSuffix(catalog, "/"), audience: audience, metadata: metadata,
		client: &http.Client{Timeout: 10 * time.Second, Transport: transport},
	}
}

// dial knows that names under localhost are this machine (RFC 6761, 6.3), which not every resolver does.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
}

// Price implements pricer.
func (p *prices) Price(ctx context.Context, sku string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.catalog+"/products/"+url.PathEscape(sku), nil)
	if err != nil {
		return 0, err
	}
	if p.audience != "" {
		token, err := p.token(ctx)
		if err != nil {
			return 0, fmt.Errorf("getting an ID token: %w", err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	body, status, err := p.do(r)
	switch {
	case err != nil:
		return 0, err
	case status == http.StatusNotFound:
		return 0, errNoProduct
	case status != http.StatusOK:
		return 0, fmt.Errorf("the catalog answered %d", status)
	}
	var found struct {
		Cents int64 `json:"price_cents"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return 0, fmt.Errorf("reading the catalog's answer: %w", err)
	}
	return found.Cents, nil
}

func (p *prices) token(ctx context.Context) (string, error) {
	address := "http://" + p.metadata + "/computeMetadata/v1/instance/service-accounts/default/identity?audience=" +
		url.QueryEscape(p.audience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Metadata-Flavor", "Google")
	body, status, err := p.do(r)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("the metadata server answered %d", status)
	}
	return strings.TrimSpace(string(body)), nil
}

func (p *prices) do(r *http.Request) (body []byte, status int, err error) {
	response, err := p.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return body, response.StatusCode, err
}
