package cloudbuild_test

import (
	"strings"
	"testing"

	configurations "github.com/gangway-dev/gangway/cloudbuild"
	"github.com/gangway-dev/gangway/internal/cloudbuild"
)

func TestCheckConfig(t *testing.T) {
	t.Parallel()
	const body = "steps: [{name: ubuntu}]\nimages: [\"$_IMAGE:$_SHA\"]\n"
	for name, tt := range map[string]struct{ config, says string }{
		"Gangway's own":   {string(configurations.Preview), ""},
		"Cloud Logging":   {body + "options: {logging: CLOUD_LOGGING_ONLY}", ""},
		"the former name": {body + "options: {logging: STACKDRIVER_ONLY}", "options.logging is STACKDRIVER_ONLY"},
		"no log":          {body + "options: {logging: NONE}", ""},
		"own bucket":      {body + "logsBucket: gs://logs\noptions: {logging: GCS_ONLY}", ""},
		"regional bucket": {body + "options: {defaultLogsBucketBehavior: REGIONAL_USER_OWNED_BUCKET}", ""},
		"nothing said":    {body, "options.logging is LOGGING_UNSPECIFIED"},
		"nobody's bucket": {body + "options: {logging: GCS_ONLY}", "options.logging is GCS_ONLY"},
		"Google's bucket": {body + "options: {logging: LEGACY, defaultLogsBucketBehavior: LEGACY_BUCKET}", "options.logging is LEGACY"},
		"no steps":        {"images: [a]\noptions: {logging: NONE}", "it has no steps"},
		"no images":       {"steps: [{name: ubuntu}]\noptions: {logging: NONE}", "it lists no images"},
		"unknown field":   {"colour: red", "colour"},
		"unknown word":    {body + "options: {logging: LOUD}", "LOUD"},
		"not YAML":        {"steps: [", "reading the build configuration"},
	} {
		err := cloudbuild.CheckConfig([]byte(tt.config))
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
