package preview

import (
	"strconv"
	"strings"
)

// An ActionKind is a thing to be done outside.
type ActionKind string

// The intake's actions, then the aggregator's.
const (
	StartBuild       ActionKind = "start_build"       // Service: start its build unless it has been started already
	CancelBuild      ActionKind = "cancel_build"      // BuildID; or Service and Generation, of which a build may have been started
	DeployRevision   ActionKind = "deploy_revision"   // Service: deploy its image under the tag
	RevertTag        ActionKind = "revert_tag"        // Service: its tag stands on what is not to be served; it goes back to Member.Good, or away
	AnnounceRevision ActionKind = "announce_revision" // Service: publish [RevisionReady]
	AnnouncePreview  ActionKind = "announce_preview"  // publish [WantedChanged]

	CheckDocuments ActionKind = "check_documents" // compose as it would be once the members are deployed; apply nothing
	ComposeGateway ActionKind = "compose_gateway" // read the truth, compose, render
	ApplyGateway   ActionKind = "apply_gateway"   // make what was composed live
	ProbeGateway   ActionKind = "probe_gateway"   // call the link
	RemoveGateway  ActionKind = "remove_gateway"  // take everything in: gateway, config, stack, tags
	RemoveTags     ActionKind = "remove_tags"     // remove the tags of services that are no members any more
)

// An Action is data: doing it twice is harmless.
type Action struct {
	Kind       ActionKind
	Service    string
	BuildID    string
	Generation int64 // only where Service's member is not what is meant
}

// Key tells actions apart; equal actions have equal keys.
func (a Action) Key() string {
	key := strings.Join([]string{string(a.Kind), a.Service, a.BuildID}, ":")
	if a.Generation > 0 {
		key += ":" + strconv.FormatInt(a.Generation, 10)
	}
	return key
}
