package receive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/server"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// serveVariable makes the test binary a webhook server, for BenchmarkDeliveries.
const serveVariable = "GANGWAY_RECEIVE_BENCHMARK_SERVES"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serveForBenchmark(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveForBenchmark serves deliveries without publishing them, prints its address, and ends when its standard input
// does: with its parent.
func serveForBenchmark() error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	log := slog.New(slog.DiscardHandler)
	return server.Serve(ctx, listener, server.Recover(log, receive.New(receive.Options{
		Secrets:   func() []telemetry.Secret { return []telemetry.Secret{newSecret} },
		Publisher: confirmed{},
		Metrics:   server.NewMetrics(),
		Log:       log,
	})), log)
}

// confirmed confirms everything at once.
type confirmed struct{}

func (confirmed) Publish(context.Context, string, []byte, map[string]string) error { return nil }

// BenchmarkDeliveries measures a server process with 64 connections of signed pull_request.opened deliveries:
//
//	go test -run '^$' -bench Deliveries -benchtime 50000x ./internal/receive
func BenchmarkDeliveries(b *testing.B) {
	const connections = 64
	body, err := os.ReadFile("testdata/pull_request.opened.json")
	if err != nil {
		b.Fatal(err)
	}
	address, process := startServer(b)
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: pull_request\r\n"+
		"X-GitHub-Delivery: %s\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n%s",
		receive.Path, guid, sign(newSecret, string(body)), len(body), body)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, connections)
	var clients sync.WaitGroup
	b.ResetTimer()
	for i := range connections {
		clients.Go(func() {
			if took[i], err = deliverFrom(b.Context(), address, request, &left); err != nil {
				b.Error(err)
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(all) == 0 {
		b.Fatal("no deliveries")
	}
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1e3, "p99-ms")
	if peak := peakMemory(process); peak > 0 {
		b.ReportMetric(peak, "peak-MB")
	}
}

// startServer starts this binary as a server and returns its address and process id.
func startServer(b *testing.B) (address string, process int) {
	b.Helper()
	command := exec.CommandContext(b.Context(), os.Args[0])
	command.Env = append(os.Environ(), serveVariable+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), command.Process.Pid
}

// deliverFrom sends request over one connection until none are left, and returns how long each took.
func deliverFrom(ctx context.Context, address string, request []byte, left *atomic.Int64) ([]time.Duration, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	answers := bufio.NewReader(c)
	var took []time.Duration
	for left.Add(-1) >= 0 {
		start := time.Now()
		if _, err := c.Write(request); err != nil {
			return took, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return took, err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return took, err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			return took, fmt.Errorf("status %d", answer.StatusCode)
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// peakMemory is the most that the process had resident, in MB; 0 where the system doesn't tell.
func peakMemory(process int) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kB, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kB), "kB")), 64)
			if err == nil {
				return n / 1024
			}
		}
	}
	return 0
}
