package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// BenchmarkGateway sends requests over 64 connections through the gateway to a backend, all in this process.
func BenchmarkGateway(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	defer backend.Close()
	front := httptest.NewServer(newGateway(b, largeDocument(backend.URL), Options{}))
	defer front.Close()
	transport := loopback.Transport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.SetParallelism(32)
	start := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			n := i % 1000
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
				fmt.Sprintf("%s/service%d/things%d/%d/parts/7", front.URL, n%113, n, i), nil)
			if err != nil {
				b.Error(err)
				return
			}
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "req/s")
}
