// Package cloudbuild holds Gangway's own Cloud Build configurations, embedded. It does not start builds: that is
// internal/cloudbuild.
package cloudbuild

import _ "embed"

// Preview is the configuration (YAML) that builds a service of a pull request. Its comments tell its substitutions.
//
//go:embed preview.yaml
var Preview []byte
