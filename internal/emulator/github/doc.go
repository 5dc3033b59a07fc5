// Package github emulates the part of GitHub that a GitHub App for pull requests talks to: the REST API v3, real git
// repositories over smart HTTP, signed webhook deliveries with redelivery, and pages for people. It speaks GitHub's
// public API and knows nothing of its callers, so that they can be pointed at the real GitHub instead.
//
// It is not GitHub Enterprise Server: one App, one webhook, no users that log in. Repositories are read-only over git;
// pull requests are opened, pushed to and closed through the Go methods, the REST API under /emulator/ or the pages.
//
//	/api/v3/…                    the REST API (also served without the prefix, as api.github.com does)
//	/OWNER/NAME.git/…            git, read only
//	/emulator/…                  what GitHub has no API for: open a pull request as a user, faults, the whole state
//	/, /OWNER/NAME/pull/N, …     pages
//
// All state is on disk under Options.Dir and survives a hard kill: the repositories as bare git repositories, the rest
// as one JSON file that is replaced in one step.
package github
