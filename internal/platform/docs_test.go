package platform

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// on tells operators what the roles of a kind are bound on. iam.txt says it exactly.
var on = map[string]string{
	"aggregator_accounts":      "the gateway, preview and `runtime_accounts` accounts",
	"aggregator_configuration": "the bucket of the configuration",
	"aggregator_gateways":      "the project",
	"aggregator_inventory":     "the project",
	"aggregator_secrets":       "the secret of the App's key",
	"aggregator_services":      "each of `services`",
	"aggregator_state":         "the bucket of states, below `gangway/`",
	"aggregator_store":         "the project, for its database only",
	"aggregator_subscriptions": "`aggregator-previews`, `aggregator-revisions`",
	"build_images":             "the image repository of previews (of forks)",
	"build_logs":               "the project",
	"build_sources":            "the bucket of source archives",
	"gateway_services":         "each of `services`",
	"intake_accounts":          "the build, preview and `runtime_accounts` accounts",
	"intake_builds":            "the project",
	"intake_configuration":     "the bucket of the configuration",
	"intake_images":            "the image repositories of previews",
	"intake_inventory":         "the project",
	"intake_logs":              "the project",
	"intake_secrets":           "the secret of the App's key",
	"intake_services":          "each of `services`",
	"intake_sources":           "the bucket of source archives",
	"intake_store":             "the project, for its database only",
	"intake_subscriptions":     "`intake-pull-requests`, `intake-cloud-builds`",
	"intake_topics":            "`previews`, `revisions`",
	"metrics_scrape":           "the secrets that say what to scrape",
	"metrics_series":           "the project",
	"pipeline_accounts":        "the preview and `runtime_accounts` accounts",
	"pipeline_services":        "each of `services`",
	"pipeline_topics":          "`revisions`",
	"preview_services":         "each of `preview_may_call`",
	"receive_configuration":    "the bucket of the configuration",
	"receive_secrets":          "the secret of the webhook",
	"receive_topics":           "`pull-requests`",
	"release_accounts":         "Gangway's own accounts",
	"release_images":           "the image repository of Gangway's own images",
	"release_logs":             "the project",
	"release_services":         "Gangway's own services",
	"release_sources":          "the bucket of Gangway's own source",
}

// The table of rights in docs/security.md is that of the roles. UPDATE=1 writes it anew.
func TestRightsInSecurityPage(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	table := "| account | may | on |\n|---|---|---|\n"
	var roles []string
	for _, account := range sortedKeys(kinds) {
		for _, kind := range sortedKeys(kinds[account]) {
			role := account + "_" + kind
			roles = append(roles, role)
			if on[role] == "" {
				t.Errorf("nothing says what the role %s is bound on", role)
			}
			table += fmt.Sprintf("| %s | `%s` | %s |\n", account, strings.Join(kinds[account][kind], "`, `"), on[role])
		}
	}
	if diff := cmp.Diff(roles, sortedKeys(on)); diff != "" {
		t.Errorf("roles that are told of (-roles +told):\n%s", diff)
	}

	const page, begin, end = "../../docs/security.md", "go test ./internal/platform -->\n", "<!-- end of rights -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s: the marks of the table are missing", page)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(before+begin+"\n"+table+"\n"+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff("\n"+table+"\n", got); diff != "" {
		t.Errorf("%s (-roles.tf +page); UPDATE=1 go test ./internal/platform writes it anew:\n%s", page, diff)
	}
}
