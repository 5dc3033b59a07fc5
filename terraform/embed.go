// Package terraform carries the Terraform modules that Gangway applies, so that a binary needs no checkout of the
// repository. It holds no logic: package internal/terraform writes the modules beside the root modules that it
// generates.
package terraform

import "embed"

// Modules holds the folder modules with modules/preview and modules/gateway-apis.
//
//go:embed modules/*/*.tf
var Modules embed.FS
