package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/loopback"
)

// largeDocument has 1,000 templated routes of 113 services.
func largeDocument(backend string) string {
	var b strings.Builder
	b.WriteString("swagger: '2.0'\ninfo: {title: large, version: '1'}\npaths:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  /service%d/things%d/{id}/parts/{part}: {get: {operationId: o%d, x-google-backend: "+
			"{address: '%s', path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}\n", i%113, i, i, backend)
	}
	return b.String()
}

func BenchmarkRoute(b *testing.B) {
	g := newGateway(b, largeDocument("http://b.example"), Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, no := g.route("/service42/things42/12345/parts/678", "GET"); no != nil {
			b.Fatal(no)
		}
	}
}

// BenchmarkGateway sends requests over 64 connections through the gateway to a backend, all in this process: compare it
// with BenchmarkReverseProxy, which does the same without a gateway's work, rather than with other machines.
func BenchmarkGateway(b *testing.B) {
	benchmarkProxy(b, func(backend string) http.Handler { return newGateway(b, largeDocument(backend), Options{}) })
}

// BenchmarkReverseProxy is the floor: the standard library's proxy with one route.
func BenchmarkReverseProxy(b *testing.B) {
	benchmarkProxy(b, func(backend string) http.Handler {
		to, err := url.Parse(backend)
		if err != nil {
			b.Fatal(err)
		}
		return &httputil.ReverseProxy{
			Rewrite:    func(p *httputil.ProxyRequest) { p.SetURL(to) },
			Transport:  loopback.Transport(),
			BufferPool: &bufferPool{},
		}
	})
}

func benchmarkProxy(b *testing.B, proxy func(backend string) http.Handler) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	defer backend.Close()
	front := httptest.NewServer(proxy(backend.URL))
	defer front.Close()
	transport := loopback.Transport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	start := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			n := i % 1000
			target := fmt.Sprintf("%s/service%d/things%d/%d/parts/7", front.URL, n%113, n, i)
			if err := get(b.Context(), client, target); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "req/s")
}

func get(ctx context.Context, client *http.Client, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
