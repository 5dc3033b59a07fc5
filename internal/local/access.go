package local

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/platform"
)

// accountOf is the service account of a part of Gangway, by its name in terraform/platform.
func accountOf(part string) string {
	return "gangway-" + part + "@" + Project + ".iam.gserviceaccount.com"
}

// parts of Gangway that call Google Cloud.
var parts = []string{"receive", "intake", "aggregator"}

// pipeline is the account of a team's own pipeline, which runs gangway deploy. It may read its images, because it has pushed
// them to a repository of the team's.
const pipeline = "pipeline"

var pipelineImages = iam.Binding{
	Account: accountOf(pipeline), Permissions: []string{"artifactregistry.repositories.downloadArtifacts"},
}

// bound tells on what a part has a kind of its permissions, as far as that is less than everything; terraform/platform
// binds them so.
var bound = map[string]map[string][]string{
	"receive": {
		"topics":        {"topics/pull-requests"},
		"configuration": {"buckets/configuration/objects/"},
	},
	"intake": {
		"topics":        {"topics/previews", "topics/revisions"},
		"subscriptions": {"subscriptions/intake-pull-requests", "subscriptions/intake-cloud-builds"},
		"accounts":      {buildAccount, runAccount, otherAccount},
		"sources":       {"buckets/" + sourceBucket + "/objects/"},
		"configuration": {"buckets/configuration/objects/"}, // mounted on Cloud Run; here it is a file
	},
	pipeline: {
		"topics":   {"topics/revisions"},
		"accounts": {runAccount},
	},
	"aggregator": {
		"subscriptions": {"subscriptions/aggregator-previews", "subscriptions/aggregator-revisions"},
		"accounts":      {gatewayAccount, runAccount, otherAccount},
		"state":         {"buckets/" + stateBucket + "/objects/" + statePrefix + "/"},
		"configuration": {"buckets/configuration/objects/"},
	},
}

// access gives each part what terraform/platform gives it; change, if any, is what tests do to that.
func access(change func(part string, permissions []string) []string) (*iam.Access, error) {
	kinds, err := platform.ByKind()
	if err != nil {
		return nil, fmt.Errorf("reading what Gangway's accounts may do: %w", err)
	}
	bindings := []iam.Binding{pipelineImages}
	for _, part := range append(parts, pipeline) {
		for kind, permissions := range kinds[part] {
			if change != nil {
				permissions = change(part, slices.Clone(permissions))
			}
			bindings = append(bindings, iam.Binding{
				Account: accountOf(part), Permissions: permissions, On: bound[part][kind],
			})
		}
	}
	return iam.New(bindings...), nil
}

// token is the access token of a part of Gangway; others work as the owner does.
func (l *Local) token(part string) string { return cmp.Or(l.tokens[part], iam.OwnerToken) }
