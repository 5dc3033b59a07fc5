package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/doctor"
	"github.com/gangway-dev/gangway/internal/preview"
)

// TestHealthy: where nothing is wrong, every check is made and says so.
func TestHealthy(t *testing.T) {
	report := run(t, healthy().world())
	if got := findings(report, doctor.Warning, doctor.Failed, doctor.Skipped); got != nil {
		t.Errorf("not ok: %q", got)
	}
	for _, check := range doctor.Checks() {
		if !slices.ContainsFunc(report.Results, func(r doctor.Result) bool { return r.Check == check.Name }) {
			t.Errorf("no result of %s", check.Name)
		}
	}
}

// TestBroken: each thing that can be wrong is found, nothing else is, and what to do is said.
func TestBroken(t *testing.T) {
	service := func(name string, change func(*doctor.Look)) func(*fake) {
		return func(f *fake) {
			look := f.looks[name]
			change(&look)
			f.looks[name] = look
		}
	}
	for name, c := range map[string]struct {
		change func(*fake)
		want   []string // status, check, subject
		says   string
		remedy string
	}{
		"no credentials":      {func(f *fake) { f.google = errors.New("could not find default credentials") }, []string{"failed google-credentials"}, "default credentials", "gcloud auth"},
		"key refused":         {func(f *fake) { f.fails["app"] = errors.New("GitHub refuses the private key") }, []string{"failed github-app"}, "refuses the private key", "GITHUB_APP_KEY_FILE"},
		"clock ahead":         {func(f *fake) { f.app.Date = now.Add(-2 * time.Minute) }, []string{"failed github-clock"}, "2m0s ahead", "NTP"},
		"clock behind":        {func(f *fake) { f.app.Date = now.Add(2 * time.Minute) }, []string{"failed github-clock"}, "2m0s behind", "NTP"},
		"permission missing":  {func(f *fake) { f.app.Permissions["pull_requests"] = "read" }, []string{"failed github-permissions"}, "pull_requests: write", "settings page"},
		"permission too much": {func(f *fake) { f.app.Permissions["administration"] = "write" }, []string{"warning github-permissions"}, "administration: write", "settings page"},
		"event missing":       {func(f *fake) { f.app.Events = []string{"push"} }, []string{"failed github-events"}, "pull_request", "Subscribe"},
		"not installed":       {func(f *fake) { f.fails["installation"] = preview.ErrNotFound }, []string{"failed github-installation acme/shop"}, "not installed", "/apps/gangway-acme/installations/new"},
		"suspended":           {func(f *fake) { f.installation.Suspended = true }, []string{"failed github-installation acme/shop"}, "suspended", "settings/installations/1"},
		"not accepted":        {func(f *fake) { delete(f.installation.Permissions, "contents") }, []string{"failed github-installation acme/shop"}, "contents: read", "accept"},
		"no webhook":          {func(f *fake) { f.hook.URL = "" }, []string{"failed github-webhook"}, "no address", "webhook_url"},
		"webhook of forms":    {func(f *fake) { f.hook.JSON = false }, []string{"failed github-webhook"}, "JSON", "content type"},
		"webhook without SSL": {func(f *fake) { f.hook.InsecureSSL = true }, []string{"warning github-webhook"}, "certificates", "SSL"},
		"webhook unsigned":    {func(f *fake) { f.hook.Secret = false }, []string{"failed github-webhook"}, "no secret", "secret"},
		"webhook down":        {func(f *fake) { f.fails["reach"] = errors.New("connection refused") }, []string{"failed webhook-reachable"}, "connection refused", "runs"},
		"webhook not public":  {func(f *fake) { f.status = 403 }, []string{"failed webhook-reachable"}, "403", "allUsers"},
		"webhook elsewhere":   {func(f *fake) { f.status = 404 }, []string{"failed webhook-reachable"}, "404", "/github/webhook"},
		"webhook another":     {func(f *fake) { f.status = 200 }, []string{"failed webhook-reachable"}, "isn't Gangway's", "runs"},
		"deliveries fail": {func(f *fake) {
			f.deliveries = doctor.Deliveries{Attempts: 10, Failed: 2, LastFailure: "timed out", LastFailed: now}
		}, []string{"failed github-deliveries"}, "2 of 10 failed in the last day, the last at 12:00 UTC: timed out", "recent deliveries"},
		"a delivery failed": {func(f *fake) {
			f.deliveries = doctor.Deliveries{Attempts: 10, Failed: 1, LastFailure: "timed out", LastFailed: now}
		}, []string{"warning github-deliveries"}, "1 of 10", "recent deliveries"},
		"no service":           {func(f *fake) { delete(f.looks, "orders") }, []string{"failed service-exists orders"}, "no service orders in project acme-dev, region europe-west1", "Deploy the service once"},
		"no live revision":     {service("orders", func(l *doctor.Look) { l.Live = "" }), []string{"failed service-exists orders"}, "no revision", "Deploy the service once"},
		"follows the latest":   {service("orders", func(l *doctor.Look) { l.Follows = true }), []string{"failed service-traffic orders"}, "follows the latest", "gangway pin orders"},
		"ingress":              {service("users", func(l *doctor.Look) { l.Ingress = "internal" }), []string{"failed service-ingress users"}, "internal", "update users --ingress=all"},
		"no invoker":           {func(f *fake) { f.roles = nil }, []string{"failed service-invoker orders", "failed service-invoker users"}, "no role", "roles/run.invoker"},
		"role without right":   {func(f *fake) { f.permissions = nil }, []string{"failed service-invoker orders", "failed service-invoker users"}, "no role", "roles/run.invoker"},
		"invoker of all":       {func(f *fake) { f.project, f.roles = f.roles, nil }, []string{"warning service-invoker orders", "warning service-invoker users"}, "whole project", "on the services only"},
		"unreadable project":   {func(f *fake) { f.roles, f.fails["project"] = nil, errDenied }, []string{"warning service-invoker orders", "warning service-invoker users"}, "can't be told", "roles/run.invoker"},
		"unreadable role":      {func(f *fake) { f.fails["role"] = errDenied }, []string{"warning service-invoker orders", "warning service-invoker users"}, "can't be read", "roles/run.invoker"},
		"long name":            {func(f *fake) { f.rename("orders", strings.Repeat("o", 38)) }, []string{"failed service-name orders"}, "have 47 characters, and 46 fit", "shorter name"},
		"many revisions":       {func(f *fake) { f.revisions = 950 }, []string{"warning service-revisions orders", "warning service-revisions users"}, "950 of 1000", "gcloud run revisions"},
		"no commit":            {func(f *fake) { f.labels = nil }, []string{"warning service-commit orders", "warning service-commit users"}, "no label commit-sha", "commit_label"},
		"short commit":         {func(f *fake) { f.labels = map[string]string{"commit-sha": "abc1234"} }, []string{"warning service-commit orders", "warning service-commit users"}, "full name", "commit_label"},
		"many tags":            {service("orders", func(l *doctor.Look) { l.Tags = make([]string, 1900) }), []string{"warning tags"}, "1901 of 2000", "--remove-tags"},
		"too many tags":        {service("orders", func(l *doctor.Look) { l.Tags = make([]string, 2000) }), []string{"failed tags"}, "2001 of 2000", "--remove-tags"},
		"no topic":             {func(f *fake) { delete(f.topics, "previews") }, []string{"failed topics previews"}, "no such topic in project acme-dev", "terraform/platform"},
		"no subscription":      {func(f *fake) { delete(f.subs, "aggregator-previews") }, []string{"failed subscriptions aggregator-previews"}, "no such subscription", "terraform/platform"},
		"subscription expires": {subscription(func(s *doctor.Subscription) { s.Expires = time.Hour }), []string{"failed subscriptions aggregator-previews"}, "deleted after 1h0m0s", "expires"},
		"subscription of":      {subscription(func(s *doctor.Subscription) { s.Topic = "other" }), []string{"failed subscriptions aggregator-previews"}, `on topic "other"`, "Delete it"},
		"no dead letters":      {subscription(func(s *doctor.Subscription) { s.DeadLetter = "" }), []string{"failed dead-letters aggregator-previews"}, "for ever", "dead letters"},
		"nobody reads them":    {func(f *fake) { f.topics["aggregator-previews-dead-letter"] = nil }, []string{"failed dead-letters aggregator-previews"}, "is lost", "dead letters"},
		"dead letters wait":    {func(f *fake) { f.waiting = 3 }, []string{"warning dead-letters-waiting aggregator-previews", "warning dead-letters-waiting intake-pull-requests"}, "3 in ", "gcloud pubsub"},
		"no bucket":            {func(f *fake) { f.fails["bucket"] = preview.ErrNotFound }, []string{"failed state-bucket"}, "no bucket acme-dev-acme-state", "terraform/platform"},
		"no versions":          {func(f *fake) { f.bucket.Versioned = false }, []string{"failed state-bucket"}, "no former versions", "--versioning"},
		"public bucket":        {func(f *fake) { f.bucket.Public = true }, []string{"warning state-bucket"}, "public", "--public-access-prevention"},
		"no store":             {func(f *fake) { f.fails["store"] = errors.New("database does not exist") }, []string{"failed store"}, "does not exist", "GANGWAY_STORE"},
		"no API":               {func(f *fake) { delete(f.apis, "acme-previews-2") }, []string{"failed apis acme-previews-2"}, "no such API", "api_shards"},
		"API failed":           {func(f *fake) { f.apis["acme-previews-2"] = "FAILED" }, []string{"failed apis acme-previews-2"}, "FAILED", "delete it"},
		"API full":             {func(f *fake) { f.configs = 100 }, []string{"failed api-configs acme-previews-1", "failed api-configs acme-previews-2"}, "100 of 100", "Add a shard"},
		"API nearly full":      {func(f *fake) { f.configs = 90 }, []string{"warning api-configs acme-previews-1", "warning api-configs acme-previews-2"}, "90 of 100", "Add a shard"},
		"APIs full":            {func(f *fake) { f.allAPIs = 50 }, []string{"failed api-count"}, "50 of 50", "Delete APIs"},
		"no source bucket":     {func(f *fake) { f.fails["sources"] = preview.ErrNotFound }, []string{"failed source-bucket acme-dev-acme-sources"}, "no such bucket", "sources_bucket"},
		"public source bucket": {func(f *fake) { f.sources.Public = true }, []string{"warning source-bucket acme-dev-acme-sources"}, "source code", "--public-access-prevention"},
		"gateways full":        {func(f *fake) { f.gateways = 50 }, []string{"failed api-gateways"}, "50 of 50", "limit"},
		"no account":           {func(f *fake) { delete(f.accounts, "acme-build@acme-dev.iam.gserviceaccount.com") }, []string{"failed accounts acme-build@acme-dev.iam.gserviceaccount.com"}, "no such account", "terraform/platform"},
		"disabled account":     {func(f *fake) { f.accounts["acme-build@acme-dev.iam.gserviceaccount.com"] = false }, []string{"failed accounts acme-build@acme-dev.iam.gserviceaccount.com"}, "disabled", "enable"},
		"no images":            {func(f *fake) { f.fails["images"] = preview.ErrNotFound }, []string{"failed images europe-west1-docker.pkg.dev/acme-dev/acme-previews"}, "no such repository", "terraform output images"},
		"no document":          {func(f *fake) { delete(f.files, "orders/openapi.yaml") }, []string{"failed documents orders"}, "no orders/openapi.yaml on branch main of acme/shop", "openapi"},
		"damaged document":     {func(f *fake) { f.files["orders/openapi.yaml"] = "openapi: 3.0.3\npaths: [" }, []string{"failed documents orders"}, "orders/openapi.yaml:", "compose --check"},
		"documents collide":    {func(f *fake) { f.files["users/openapi.yaml"] = fmt.Sprintf(document, "orders") }, []string{"failed documents users"}, "/orders", "compose --check"},
		"old Terraform":        {func(f *fake) { f.version = "1.8.5" }, []string{"failed terraform-version"}, "1.8.5 is too old", "1.9"},
		"odd Terraform":        {func(f *fake) { f.version = "x" }, []string{"failed terraform-version"}, "x is too old", "1.9"},
		"no Terraform":         {func(f *fake) { f.fails["terraform"] = preview.ErrNotFound }, []string{"warning terraform-version"}, "none in PATH", "1.9"},
		"lock of another":      {func(f *fake) { f.lock = "provider \"x\" {}" }, []string{"failed terraform-lock"}, "google-beta", "released build"},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(f)
			report := run(t, f.world())
			if diff := cmp.Diff(c.want, findings(report, doctor.Warning, doctor.Failed)); diff != "" {
				t.Fatalf("found (-want +got):\n%s", diff)
			}
			for _, r := range report.Results {
				if r.Status != doctor.OK && r.Status != doctor.Skipped && (!strings.Contains(r.Message, c.says) || !strings.Contains(r.Remedy, c.remedy)) {
					t.Errorf("%s says %q; do: %q. Want %q, %q", r.Check, r.Message, r.Remedy, c.says, c.remedy)
				}
			}
		})
	}
}

// subscription changes one subscription.
func subscription(change func(*doctor.Subscription)) func(*fake) {
	return func(f *fake) {
		s := f.subs["aggregator-previews"]
		change(&s)
		f.subs["aggregator-previews"] = s
	}
}

// TestConfigurationIsBroken: without a configuration, what doesn't need one is looked at all the same.
func TestConfigurationIsBroken(t *testing.T) {
	f := healthy()
	f.config = "installation = 1"
	report := run(t, f.world())
	if got := findings(report, doctor.Failed, doctor.Warning); !slices.Equal(got, []string{"failed configuration"}) {
		t.Errorf("failed: %q", got)
	}
	ok := findings(report, doctor.OK)
	for _, want := range []string{"ok google-credentials", "ok github-app", "ok github-deliveries", "ok state-bucket", "ok store", "ok terraform-version"} {
		if !slices.Contains(ok, want) {
			t.Errorf("no %q among %q", want, ok)
		}
	}
	for _, r := range report.Results {
		if r.Status == doctor.Skipped && r.Message != "the configuration can't be read" {
			t.Errorf("%s is skipped because %q", r.Check, r.Message)
		}
	}
}

// TestWithoutApp: what only the App may ask is skipped, with where to look.
func TestWithoutApp(t *testing.T) {
	w := healthy().world()
	w.GitHub, w.Repositories, w.GitHubError = nil, nil, errors.New("GITHUB_APP_ID is missing")
	report := run(t, w)
	if got := findings(report, doctor.Failed, doctor.Warning); !slices.Equal(got, []string{"failed github-app"}) {
		t.Errorf("failed: %q", got)
	}
	for _, r := range report.Results {
		if r.Status == doctor.Skipped && !strings.Contains(r.Message, "github-app") {
			t.Errorf("%s is skipped because %q", r.Check, r.Message)
		}
	}
}

// TestDenied: whoever lacks a right is told which check was not made; the others are. Nothing of it is ok, nothing failed.
func TestDenied(t *testing.T) {
	for fails, checks := range map[string][]string{
		"hook": {"github-webhook", "webhook-reachable"}, "deliveries": {"github-deliveries"}, "installation": {"github-installation"},
		"looks": {"tags"}, "revisions": {"service-revisions"}, "labels": {"service-commit"}, "roles": {"service-invoker"},
		"account": {"accounts"}, "topic": {"topics", "dead-letters", "dead-letters-waiting"}, "waiting": {"dead-letters-waiting"},
		"subscription": {"subscriptions", "dead-letters", "dead-letters-waiting"}, "bucket": {"state-bucket"}, "images": {"images"},
		"store": {"store"}, "api": {"apis"}, "configs": {"api-configs"}, "gateways": {"api-gateways"}, "allAPIs": {"api-count"},
		"sources": {"source-bucket"}, "repository": {"documents"},
		"look": {"service-exists", "service-traffic", "service-ingress", "service-invoker", "service-revisions", "service-commit"},
	} {
		f := healthy()
		f.fails[fails] = fmt.Errorf("reading: %w", errDenied)
		for _, r := range run(t, f.world()).Results {
			want := doctor.OK
			if slices.Contains(checks, r.Check) {
				want = doctor.Skipped
			}
			if r.Status != want {
				t.Errorf("without the right to %s: %s is %s (%s), want %s", fails, r.Check, r.Status, r.Message, want)
			}
		}
	}
}

// TestAbsent: what nobody can be asked about is skipped with the reason.
func TestAbsent(t *testing.T) {
	w := healthy().world()
	w.CloudRun, w.IAM, w.PubSub, w.Gateways, w.Waiting, w.Bucket, w.Images, w.Store = nil, nil, nil, nil, nil, nil, nil, nil
	w.Reach, w.Terraform, w.Lock = nil, nil, nil
	for _, field := range []string{"CloudRun", "IAM", "PubSub", "Gateways", "Waiting", "Bucket", "Images", "Store", "Reach", "Terraform", "Lock"} {
		w.Absent[field] = "no " + field + " here"
	}
	report := run(t, w)
	if got := findings(report, doctor.Failed, doctor.Warning); got != nil {
		t.Errorf("failed: %q", got)
	}
	for _, r := range report.Results {
		if r.Status == doctor.Skipped && !regexp.MustCompile(`^no \w+ here$`).MatchString(r.Message) {
			t.Errorf("%s is skipped because %q", r.Check, r.Message)
		}
	}
	w = healthy().world()
	w.MadeTopics, w.StateBucket = true, ""
	want := []string{
		"skipped dead-letters aggregator-previews", "skipped dead-letters intake-pull-requests",
		"skipped dead-letters-waiting aggregator-previews", "skipped dead-letters-waiting intake-pull-requests", "skipped state-bucket",
	}
	if diff := cmp.Diff(want, findings(run(t, w), doctor.Failed, doctor.Warning, doctor.Skipped)); diff != "" {
		t.Errorf("an installation on one host (-want +got):\n%s", diff)
	}
	w = healthy().world()
	w.Lock = func() ([]byte, bool) { return nil, false }
	w.Waiting = func(context.Context, string, string) (int64, bool, error) { return 0, false, nil }
	if got := findings(run(t, w), doctor.Skipped); len(got) != 3 {
		t.Errorf("skipped: %q", got)
	}
}

// TestDeadline: a check that hangs, or breaks, fails alone; those that share its answer are told apart from it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := healthy()
		w := f.world()
		w.Deadline = 5 * time.Second
		release := make(chan struct{})
		w.Store = func(context.Context) error { <-release; return nil } // doesn't even look at its context
		w.Bucket = func(ctx context.Context, _ string) (doctor.Bucket, error) {
			<-ctx.Done()
			return doctor.Bucket{}, ctx.Err()
		}
		w.Images = func(context.Context, string) error { panic("out of range") }
		began := time.Now()
		report := doctor.Run(t.Context(), w)
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("took %s", took)
		}
		close(release)
		want := []string{"failed state-bucket", "failed store", "failed images europe-west1-docker.pkg.dev/acme-dev/acme-previews", "failed source-bucket acme-dev-acme-sources"}
		if diff := cmp.Diff(want, findings(report, doctor.Failed, doctor.Warning, doctor.Skipped)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestStopped: whoever stops it gets what is known by then, without waiting.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := healthy().world()
	w.Store = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	for _, r := range doctor.Run(ctx, w).Results {
		if r.Status == doctor.Failed && r.Check != "store" {
			t.Errorf("%s failed: %s", r.Check, r.Message)
		}
	}
}

// TestGolden holds what people and programs see to testdata: UPDATE=1 writes it.
func TestGolden(t *testing.T) {
	f := healthy()
	f.deliveries = doctor.Deliveries{Attempts: 10, Failed: 1, LastFailure: "timed out", LastFailed: now}
	look := f.looks["orders"]
	look.Follows = true
	f.looks["orders"] = look
	f.fails["account"] = errDenied
	f.files["orders/openapi.yaml"] = "openapi: 3.0.3\npaths: [\x1b[2J"
	report := run(t, f.world())
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":   func(b *bytes.Buffer) error { return report.Text(b, false) },
		"colour": func(b *bytes.Buffer) error { return report.Text(b, true) },
		"json":   func(b *bytes.Buffer) error { return report.JSON(b) },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := "testdata/report." + name
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got; UPDATE=1 rewrites):\n%s", path, diff)
		}
		if name == "json" && !json.Valid(got.Bytes()) {
			t.Error("no JSON")
		}
		if name == "text" && strings.Contains(got.String(), "\x1b") {
			t.Error("a document moves the terminal's cursor")
		}
	}
}
