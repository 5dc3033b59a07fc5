package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
	"github.com/gangway-dev/gangway/internal/receive/loadtest"
)

const benchSecret = "a webhook secret of the benchmark"

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
	idle := loadtest.ResidentMB(process, "VmRSS")
	loadtest.Run(b, address, loadtest.Request("/github/webhook", benchSecret, body))
	b.ReportMetric(idle, "idle-MB")
	b.ReportMetric(loadtest.ResidentMB(process, "VmHWM"), "peak-MB")
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
