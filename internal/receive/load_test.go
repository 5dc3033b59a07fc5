package receive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/receive/loadtest"
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
	body, err := os.ReadFile("testdata/pull_request.opened.json")
	if err != nil {
		b.Fatal(err)
	}
	address, process := startServer(b)
	loadtest.Run(b, address, loadtest.Request(receive.Path, string(newSecret), body))
	if peak := loadtest.ResidentMB(process, "VmHWM"); peak > 0 {
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
