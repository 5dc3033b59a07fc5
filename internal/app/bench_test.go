package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
)

const (
	benchSecret      = "a webhook secret of the benchmark" //nolint:gosec // of this file only
	benchConnections = 64
)

// BenchmarkPublishedDeliveries measures the built cmd/webhook in role receive: signed pull_request.opened deliveries over
// 64 connections, each answered after Pub/Sub has confirmed its hint. Pub/Sub is the in-memory server and runs, like the
// clients, in the benchmark's process. (BenchmarkDeliveries in internal/receive is the handler without the publish.)
//
//	go test -run '^$' -bench PublishedDeliveries -benchtime 20000x ./internal/app
func BenchmarkPublishedDeliveries(b *testing.B) {
	body, err := os.ReadFile("../receive/testdata/pull_request.opened.json")
	if err != nil {
		b.Fatal(err)
	}
	address, process := startWebhook(b)
	mac := hmac.New(sha256.New, []byte(benchSecret))
	mac.Write(body)
	request := fmt.Appendf(nil, "POST /github/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"X-GitHub-Event: pull_request\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n"+
		"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s", hex.EncodeToString(mac.Sum(nil)), len(body), body)
	idle := residentMB(process, "VmRSS:")
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, benchConnections)
	var clients sync.WaitGroup
	b.ResetTimer()
	for i := range benchConnections {
		clients.Go(func() {
			list, err := deliver(b.Context(), address, request, &left)
			if err != nil {
				b.Error(err)
			}
			took[i] = list
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
	b.ReportMetric(idle, "idle-MB")
	b.ReportMetric(residentMB(process, "VmHWM:"), "peak-MB")
}

// startWebhook builds and starts cmd/webhook against an in-memory Pub/Sub.
func startWebhook(b *testing.B) (address string, process int) {
	b.Helper()
	server, err := pubsub.Start(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Stop() })
	dir := b.TempDir()
	binary := filepath.Join(dir, "webhook")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "github.com/gangway-dev/gangway/cmd/webhook")
	if text, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building cmd/webhook: %v\n%s", err, text)
	}
	log, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // in the test's folder
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	command := exec.CommandContext(b.Context(), binary, "--role", "receive")
	command.Env = append(os.Environ(),
		"PORT=0", "GANGWAY_HOST=127.0.0.1", "GANGWAY_CONFIG=../../gangway.example.hcl", "GANGWAY_PROJECT=bench",
		"GANGWAY_ENSURE_TOPICS=true", "GANGWAY_METRICS_ADDR=off", "GITHUB_WEBHOOK_SECRETS="+benchSecret,
		"PUBSUB_EMULATOR_HOST="+server.Endpoint())
	command.Stderr = log
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	})
	return awaitAddress(b, log.Name()), command.Process.Pid
}

// awaitAddress reads from the log where the webhook listens.
func awaitAddress(b *testing.B, log string) string {
	b.Helper()
	for range 500 {
		text, err := os.ReadFile(log) //nolint:gosec // in the test's folder
		if err != nil {
			b.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var record struct{ Address string }
			if json.Unmarshal(line, &record) == nil && record.Address != "" {
				return record.Address
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	text, _ := os.ReadFile(log) //nolint:gosec // in the test's folder
	b.Fatalf("the webhook does not listen:\n%s", text)
	return ""
}

// deliver sends request over one connection until none are left, and returns how long each took.
func deliver(ctx context.Context, address string, request []byte, left *atomic.Int64) ([]time.Duration, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	answers := bufio.NewReader(c)
	var took []time.Duration
	for left.Add(-1) >= 0 {
		began := time.Now()
		if _, err := c.Write(request); err != nil {
			return took, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return took, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return took, err
		}
		if answer.StatusCode != http.StatusAccepted {
			return took, fmt.Errorf("status %d", answer.StatusCode)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// residentMB is what /proc says of a process's memory; 0 where there is no /proc.
func residentMB(process int, what string) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, what); ok {
			kB, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err == nil {
				return kB / 1024
			}
		}
	}
	return 0
}
