// Package loopback reaches servers of this machine under names that end in ".localhost".
//
// RFC 6761, section 6.3 (https://www.rfc-editor.org/rfc/rfc6761#section-6.3) says that such names always mean the
// loopback interface. Browsers and curl know that by themselves; Go's resolver asks the system's, which on many
// machines does not. This package dials loopback for them and leaves every other name alone.
package loopback

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Is tells whether host, with or without a port, is localhost or a name below it. Addresses such as 127.0.0.1 are not
// names and give false.
func Is(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// DialContext dials address as a [net.Dialer] does, except that names for which [Is] holds are dialled on 127.0.0.1
// and, where nothing listens there, on ::1. It may be called concurrently.
func DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	host, port, err := net.SplitHostPort(address)
	if err != nil || !Is(host) {
		return dialer.DialContext(ctx, network, address)
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	conn, err6 := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port))
	if err6 != nil {
		return nil, errors.Join(err, err6)
	}
	return conn, nil
}

// Transport returns a new transport with the settings of [http.DefaultTransport], [DialContext] as its dialer, and no
// proxy for the names for which [Is] holds. It keeps up to 256 idle connections to one host, because a local gateway
// sends all its requests to a few backends. The caller owns it, and may call CloseIdleConnections when done.
func Transport() *http.Transport {
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

func proxy(r *http.Request) (*url.URL, error) {
	if Is(r.URL.Host) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
