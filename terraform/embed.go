// Package terraform carries the Terraform modules of Gangway, so that a binary needs no checkout of the repository. It
// holds no logic: package internal/terraform writes the modules beside the root modules that it generates, and
// internal/platform reads what the platform grants.
package terraform

import "embed"

// Modules holds the folder modules with modules/preview and modules/gateway-apis.
//
//go:embed modules/*/*.tf
var Modules embed.FS

// Lock holds the folder lock, with the provider's lock file in builds that have one: see its README.md.
//
//go:embed all:lock
var Lock embed.FS

// Platform holds the folder platform: the root module of everything that Gangway itself needs on Google Cloud.
//
//go:embed platform/*.tf
var Platform embed.FS
