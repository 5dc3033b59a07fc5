// Package compose composes OpenAPI documents that lie on disk: what `gangway compose` and `gangway diff` do. It needs no cloud
// and no network, so that a service's own CI can call it. The rules are [openapi]'s; here is only where documents and
// addresses come from, and how findings are printed.
package compose
