package local

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// deliver sends a webhook delivery, signed with the secret unless signature says otherwise.
func (w *world) deliver(t *testing.T, body, signature string) answer {
	t.Helper()
	if signature == "" {
		mac := hmac.New(sha256.New, []byte(w.secret(t)))
		_, _ = mac.Write([]byte(body))
		signature = "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.hook+"/github/webhook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "pull_request")
	request.Header.Set("X-Hub-Signature-256", signature)
	response, err := w.api.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text := make([]byte, 500)
	n, _ := response.Body.Read(text)
	return answer{status: response.StatusCode, body: string(text[:n])}
}

// A hostile delivery gets a clear answer, and nothing else is disturbed.
func TestHostileDeliveries(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "calm"))
	good := fmt.Sprintf(`{"action":"opened","number":%d,"repository":{"id":%s,"full_name":%q}}`, p.number, p.repositoryID(), Repository)
	for _, c := range []struct {
		what, body, signature string
		status                int
		says                  string
	}{
		{"too large", strings.Repeat(" ", 25<<20+1), "sha256=" + strings.Repeat("0", 64), 413, "25 MB"},
		{"nested", strings.Repeat(`{"a":`, 1_000_000), "", 400, ""},
		{"nested lists", `{"number":` + strings.Repeat("[", 1_000_000), "", 400, ""},
		{"wrong types", `{"action":[1],"number":"one","repository":{"id":{}}}`, "", 400, ""},
		{"a list", `[]`, "", 400, ""},
		{"nothing", ``, "", 400, ""},
		{"no JSON", "\x00\xff{", "", 400, ""},
		{"another repository", `{"action":"opened","number":1,"repository":{"id":99,"full_name":"evil/shop"}}`, "", 202, ""},
		{"wrong signature", good, "sha256=" + strings.Repeat("0", 64), 403, "signature"},
		{"SHA-1", good, "sha1=" + strings.Repeat("0", 40), 401, "X-Hub-Signature-256"},
		{"doubled", good, "", 202, ""},
		{"doubled again", good, "", 202, ""},
	} {
		if a := w.deliver(t, c.body, c.signature); a.status != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %s, want %d with %q", c.what, a.status, a.body, c.status, c.says)
		}
	}
	p.ready()
	p.serves(p.link, "/plans", "calm")
	if got := p.statuses(); got != "SUCCESS" {
		t.Errorf("builds %q, want one", got)
	}
	p.holds()
	p.gone()
}

// Messages are hints: one that names an unknown preview, a wrong revision or nothing at all changes nothing.
func TestForgedMessages(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "true"))
	p.ready()
	before := p.tagged("users").Name
	applied := w.logged(t, p.key(), `msg="stack applied"`)
	mine := fmt.Sprintf("%s/%s/%s/%d", Environment, Gateway, p.repositoryID(), p.number)
	forged := `{"version":1,"preview":%q,"generation":77,"service":"users","revision":%q,"tag":"pr-1","head_sha":"` + strings.Repeat("e", 40) + `"}`
	for _, topic := range []string{"pull-requests", "cloud-builds", "revisions", "previews"} {
		for _, message := range []string{
			fmt.Sprintf(forged, mine, "users-00001-abc"),
			fmt.Sprintf(forged, mine, "no-such-revision"),
			fmt.Sprintf(forged, Environment+"/"+Gateway+"/424242/7", "users-00001-abc"),
			fmt.Sprintf(forged, "../../etc/passwd", "x"), fmt.Sprintf(`{"version":2,"preview":%q}`, mine),
			`{"version":1,"preview":["x"]}`, `{`, ``, strings.Repeat("[", 100_000),
			fmt.Sprintf(`{"version":1,"repository_id":%s,"pull_request":4711}`, p.repositoryID()),
			`{"id":"../../x","projectId":"acme-dev"}`, `{"id":"00000000-0000-0000-0000-000000000000","projectId":"other"}`,
		} {
			w.publish(t, topic, message)
		}
	}
	w.sweeps(t, 2)
	if after := p.tagged("users").Name; after != before {
		t.Errorf("the tag is on %s, it was on %s", after, before)
	}
	if n := w.logged(t, p.key(), `msg="stack applied"`); n != applied {
		t.Errorf("%d applies, there were %d", n, applied)
	}
	for _, g := range w.gateways(t) {
		if strings.Contains(g.name(), "-pr-7-") && g.Labels["gangway-repository"] == "424242" || strings.Contains(g.name(), "4711") {
			t.Errorf("a gateway %s was made", g.name())
		}
	}
	p.serves(p.link, "/plans", "true")
	p.holds()
	p.gone()
}

// A document that is no YAML: the check is red at the file and line, and the preview that was there stays.
func TestDocumentIsNotYAML(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "good"))
	p.ready()
	p.push(version("users", "torn"), replacement{"users/openapi.yaml", "  title: Users\n", "  title: Users\n\t- {\n"})
	body := p.says("❌", p.sha[:7])
	for _, want := range []string{"users/openapi.yaml:5", "**Next:**", "still serves"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
	p.holds()
	checks := p.page().Checks
	if len(checks) != 1 || checks[0].Conclusion != "failure" || len(checks[0].Annotations) != 1 {
		t.Fatalf("checks %+v, want one failure with one annotation", checks)
	}
	if at := checks[0].Annotations[0]; at.Path != "users/openapi.yaml" || at.StartLine != 5 {
		t.Errorf("annotation %+v, want it at users/openapi.yaml:5", at)
	}
	p.serves(p.link, "/plans", "good")
	p.push(version("users", "mended"), asBefore("users/openapi.yaml"))
	p.ready()
	p.serves(p.link, "/plans", "mended")
	p.holds()
	p.gone()
}

// What a pull request changes for callers is in the comment; and a mistake in a file that a document of OpenAPI 3 refers to is
// found in that file.
func TestDocumentOfSeveralFiles(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, replacement{"orders/openapi.yaml", "    delete:\n", "    patch:\n"})
	p.ready()
	const gone = "**API changes:** 1 operation added, 1 removed, ⚠ 1 breaking — `DELETE /orders/{id}` is gone"
	if body := p.says("✅", p.sha[:7]); !strings.Contains(body, gone) {
		t.Errorf("the comment does not say %q:\n%s", gone, body)
	}
	p.push(replacement{"orders/schemas/order.yaml", `      $ref: "#/Order"`, `      $ref: "#/Purchase"`})
	body := p.says("❌", p.sha[:7])
	for _, want := range []string{"orders/schemas/order.yaml:8", `Purchase" leads nowhere`, "still serves"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
	p.holds()
	checks := p.page().Checks
	if len(checks) != 1 || len(checks[0].Annotations) != 1 || checks[0].Annotations[0].Path != "orders/schemas/order.yaml" {
		t.Errorf("checks %+v, want one annotation in the file", checks)
	}
	p.gone()
}

// Two services that claim one path: both are said with file and line.
func TestDocumentsCollide(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, replacement{"users/openapi.yaml", "  /plans:\n", "  /products:\n"})
	body := p.says("❌", p.sha[:7])
	if !strings.Contains(body, "users/openapi.yaml:") || !strings.Contains(body, "/products") {
		t.Errorf("the comment does not say where:\n%s", body)
	}
	p.holds()
	p.gone()
}

// faulty is a configuration with five mistakes.
func faulty(text string) string {
	for _, r := range []replacement{
		{old: `region  = "`, fresh: `regio   = "`},
		{old: `calls "catalog"`, fresh: `calls "catalogue"`},
		{old: `expire_after = "72h"`, fresh: `expire_after = "soon"`},
		{old: `paths      = ["users/**"]`, fresh: `paths      = ["users/[a"]`},
		{old: "installation = ", fresh: "colour = \"red\"\ninstallation = "},
	} {
		text = strings.Replace(text, r.old, r.fresh, 1)
	}
	return text
}

// A configuration with five mistakes: all are said at once with file, line and column; a running installation keeps the
// last good one.
func TestFaultyConfiguration(t *testing.T) {
	w := shared(t)
	text, err := os.ReadFile(w.configurationFile())
	if err != nil {
		t.Fatal(err)
	}
	all := func(where, said string) {
		t.Helper()
		for _, want := range []string{"regio", "catalogue", "soon", "users/[a", "colour"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s does not say %q:\n%s", where, want, said)
			}
		}
		if n := strings.Count(said, "gangway.hcl:"); n < 5 {
			t.Errorf("%s says %d places, want 5:\n%s", where, n, said)
		}
	}

	// At the start: the command refuses to run.
	c := w.common("other")
	c.Config = filepath.Join(t.TempDir(), "gangway.hcl")
	if err := os.WriteFile(c.Config, []byte(faulty(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	err = app.RunWebhook(t.Context(), app.Webhook{Common: c, Role: "all", Secrets: []telemetry.Secret{"x"}}, nil, w.o.Log)
	if err == nil {
		t.Fatal("the webhook runs with a faulty configuration")
	}
	all("the webhook", err.Error())

	// Later: the last good one stays.
	refused := w.logged(t, `msg="configuration is not valid; the last good one stays"`)
	again := w.logged(t, `msg="configuration read again"`)
	t.Cleanup(func() {
		if err := os.WriteFile(w.configurationFile(), text, 0o600); err != nil {
			t.Error(err)
		}
		until(t, "all commands read the good configuration again", func() (bool, string) {
			n := w.logged(t, `msg="configuration read again"`) - again
			return n >= 3, fmt.Sprint(n)
		})
	})
	if err := os.WriteFile(w.configurationFile(), []byte(faulty(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "all commands refuse it", func() (bool, string) {
		n := w.logged(t, `msg="configuration is not valid; the last good one stays"`) - refused
		return n >= 3, fmt.Sprint(n)
	})
	log, err := os.ReadFile(LogFile(w.o.Dir))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "the last good one stays") {
			all("the log", line)
			break
		}
	}
	p := w.change(t, version("users", "steady"))
	p.ready()
	p.serves(p.link, "/plans", "steady")
	p.holds()
	p.gone()
}
