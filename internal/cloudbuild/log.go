package cloudbuild

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"google.golang.org/api/logging/v2"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Bounds of what is read of a failing step's log. An entry has 256 KB at most: https://cloud.google.com/logging/quotas
const (
	logTimeout   = 10 * time.Second
	logPageSize  = 50
	maxLogPages  = 3 // a page may be empty and not the last
	maxLogLines  = 60
	maxLogBytes  = 4000
	mainStepName = "MAIN" // label of what Cloud Build itself writes: of fetching the source, of pushing
)

// Log is the last lines of the step that failed, as far as they have arrived where the build's log goes to: Cloud Logging,
// or a bucket when the build says GCS_ONLY. "" when there are none, or the build didn't fail. They are the author's text.
func (c *Client) Log(ctx context.Context, ref preview.BuildRef) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	b, err := c.get(ctx, ref)
	if err != nil {
		return "", err
	}
	if !status(b.GetStatus()).Logged() {
		return "", nil
	}
	step := mainStepName
	if i := failingStep(b); i >= 0 {
		step = logTitle(b, i)
	}
	var lines []string
	switch b.GetOptions().GetLogging() {
	case cloudbuildpb.BuildOptions_NONE:
	case cloudbuildpb.BuildOptions_GCS_ONLY:
		lines, err = c.bucketLog(ctx, b, step)
	default:
		lines, err = c.cloudLog(ctx, ref.Project, b, step)
	}
	if err != nil {
		return "", fmt.Errorf("reading the log of a build: %w", err)
	}
	return tail(lines), nil
}

// logTitle is how a step is called in the build's log: Step #0 - "image".
func logTitle(b *cloudbuildpb.Build, i int) string {
	title := fmt.Sprintf("Step #%d", i)
	if id := b.GetSteps()[i].GetId(); id != "" {
		title += fmt.Sprintf(" - %q", id)
	}
	return title
}

// cloudLog reads the last lines of a step from Cloud Logging.
func (c *Client) cloudLog(ctx context.Context, project string, b *cloudbuildpb.Build, step string) ([]string, error) {
	if c.logging == nil {
		return nil, nil
	}
	name := "projects/" + project
	request := &logging.ListLogEntriesRequest{
		ResourceNames: []string{name}, OrderBy: "timestamp desc", PageSize: logPageSize,
		Filter: fmt.Sprintf(`logName=%q AND resource.type="build" AND resource.labels.build_id=%q AND labels.build_step=%q`+
			` AND timestamp>=%q`, name+"/logs/cloudbuild", b.GetId(), step, at(b.GetCreateTime()).Format(time.RFC3339)),
	}
	var lines []string // the newest first
	size := 0
	for range maxLogPages {
		page, err := c.logging.Entries.List(request).Context(ctx).
			Fields("entries(textPayload,jsonPayload)", "nextPageToken").Do()
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			line := strings.TrimPrefix(payload(e), step+": ")
			lines = append(lines, line)
			size += len(line)
		}
		if request.PageToken = page.NextPageToken; request.PageToken == "" || len(lines) >= maxLogLines || size >= maxLogBytes {
			break
		}
	}
	slices.Reverse(lines)
	return lines, nil
}

// payload is an entry's text. With structured logging it is the message of an object:
// https://cloud.google.com/build/docs/securing-builds/structured-build-logs
func payload(e *logging.LogEntry) string {
	if len(e.JsonPayload) == 0 {
		return e.TextPayload
	}
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(e.JsonPayload, &object) != nil || object.Message == "" {
		return string(e.JsonPayload)
	}
	return object.Message
}

// tail is the last lines, within the bounds.
func tail(lines []string) string {
	from, size := len(lines), 0
	for from > 0 && len(lines)-from < maxLogLines {
		if size += len(lines[from-1]) + 1; size > maxLogBytes {
			break
		}
		from--
	}
	text := strings.Join(lines[from:], "\n")
	if from == len(lines) && from > 0 { // one line is longer than all may be
		text = lines[from-1][len(lines[from-1])-maxLogBytes:]
	}
	return strings.TrimRight(strings.ToValidUTF8(text, "\uFFFD"), " \t\r\n")
}
