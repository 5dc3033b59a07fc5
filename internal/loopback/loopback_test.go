package loopback

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost":                  true,
		"localhost:80":               true,
		"localhost.":                 true,
		"shop.ew.gateway.localhost":  true,
		"A.B.LOCALHOST:8080":         true,
		"127.0.0.1":                  false,
		"127.0.0.1:80":               false,
		"[::1]:80":                   false,
		"localhost.example.com":      false,
		"notlocalhost":               false,
		"localhost.evil.example:443": false,
		"":                           false,
	} {
		if got := Is(host); got != want {
			t.Errorf("Is(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestTransportReachesNamesBelowLocalhost(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host)
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	transport := Transport()
	defer transport.CloseIdleConnections()
	host := "pr-1---orders.some-name.localhost:" + port
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != host {
		t.Errorf("the server saw host %q, want %q", body, host)
	}
}

func TestDialContextFallsBackToIPv6(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback")
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := DialContext(t.Context(), "tcp", "only-six.localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
