// Package loadtest measures a webhook from outside, for benchmarks only: signed deliveries over 64 connections, and what
// the server's process needs. It knows nothing of the code that it measures.
package loadtest

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const connections = 64

// Request is a delivery of a pull request's event as it goes over the wire, signed with secret as GitHub does it:
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
func Request(path, secret string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"X-GitHub-Event: pull_request\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n"+
		"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s",
		path, hex.EncodeToString(mac.Sum(nil)), len(body), body)
}

// Run sends request b.N times to the server at address and reports answers per second and how long they took. Only the
// sending is timed. Any answer but 202 is an error.
func Run(b *testing.B, address string, request []byte) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, connections)
	var clients sync.WaitGroup
	b.ResetTimer()
	for i := range connections {
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

// ResidentMB is what /proc says of a process's memory under a name such as "VmRSS" (now) or "VmHWM" (at most, so far);
// 0 where there is no /proc: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func ResidentMB(process int, name string) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kB, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err == nil {
				return kB / 1024
			}
		}
	}
	return 0
}
