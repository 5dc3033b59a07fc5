// Package github is the adapter to GitHub's REST API for a GitHub App: it reads repositories, pull requests and files,
// and writes the one comment, the check run and the deployments of a report. It decides nothing: what a preview is and
// what is said about it comes from packages preview and report.
//
// All methods are safe for concurrent use. Errors are the core's: [preview.ErrNotFound] for 404,
// [preview.ErrConflict] for 409, *[preview.UserError] where GitHub refuses for good until people change something
// (403 without a rate limit, 410, 422, 451), *[LimitError] while an installation has to pause; everything else is
// temporary. No error holds a token or a key, and no type of the client library leaves the package.
package github
