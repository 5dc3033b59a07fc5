package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// plural is "1 service" or "2 services".
func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func unit(n int, what string) string { return strconv.Itoa(n) + what }

// join is strings.Join without the empty parts.
func join(separator string, parts ...string) string {
	var full []string
	for _, p := range parts {
		if p != "" {
			full = append(full, p)
		}
	}
	return strings.Join(full, separator)
}

// commit is a commit as a code span.
func commit(sha string) string { return code(preview.ShortSHA(sha)) }

// doing is what fails at a stage.
func doing(stage string) string {
	switch stage {
	case "build":
		return "building"
	case "deploy":
		return "deploying"
	case "revision":
		return "starting the revision"
	case "document":
		return "composing the OpenAPI documents"
	case "gateway":
		return "updating the gateway"
	case "removal":
		return "taking it down"
	}
	return "the preview"
}

// why says in plain words why a preview is blocked, and what would unblock it.
func why(b *preview.Block) (title, reason, remedy string) {
	if b == nil {
		b = &preview.Block{}
	}
	switch b.Reason {
	case preview.BlockDraft:
		return "draft", "This pull request is a draft.", "Mark it as ready for review, and a preview is made."
	case preview.BlockFork:
		return whyFork(b.Detail, b.By)
	case preview.BlockBot:
		return "opened by a bot", "Pull requests of this bot get no preview.",
			"The operator can add its login to `bots` in Gangway's configuration."
	case preview.BlockLabel:
		return "labels", "Labels decide here which pull requests get a preview.", "To get one: " + text(b.Detail) + "."
	case preview.BlockLimit:
		return "limit reached", "As many previews as are allowed are live" + parenthesis(b.Detail) + ".",
			"This one starts by itself when another is removed: close or merge a pull request that needs none any more."
	case preview.BlockQuota:
		return "no room", "Google Cloud has no room for another preview: " + text(b.Detail) + ".",
			"This one starts by itself once others are removed: close or merge a pull request that needs none any more."
	case preview.BlockConfig:
		return "configuration", "Gangway's configuration doesn't allow it: " + text(b.Detail) + ".",
			"The operator can change that; the preview then starts by itself."
	}
	return "not eligible", "This pull request gets no preview: " + text(string(b.Reason)) + ".", ""
}

func whyFork(label, by string) (title, reason, remedy string) {
	if by != "" {
		return "fork", "It comes from a fork, and " + code(by) + ", who set the label " + code(label) + ", may not write to this repository.",
			"Somebody with write permission can take the label off and set it again. It counts for this commit only."
	}
	if label == "" {
		return "fork", "It comes from a fork, whose code is not run here.",
			"Somebody with write permission can push the branch to this repository."
	}
	return "fork", "It comes from a fork, whose code is not run before somebody has looked at it.",
		"Somebody with write permission can set the label " + code(label) + ". It counts for this commit only."
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + text(s) + ")"
}

// built is how long a member's build took, "" when that isn't known.
func built(m preview.Member) string {
	if m.BuildStart.IsZero() || m.BuildEnd.Before(m.BuildStart) || m.BuildEnd.IsZero() {
		return ""
	}
	return "built in " + span(m.BuildEnd.Sub(m.BuildStart).Truncate(time.Second))
}
