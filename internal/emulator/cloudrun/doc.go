// Package cloudrun is an emulated Cloud Run: the REST API v2 for services and revisions, as much of v1 as gcloud calls, which
// is a view of the same state, and the front that serves them
// under names below run.localhost. Revisions are native processes on this machine, not containers.
//
// What it keeps to, because callers depend on it: a service remembers the last template that was written, whoever wrote
// it; the traffic list is written as a whole, guarded by an etag that changes with every write and with every change of
// status; a revision's name can't be used again with another configuration; a tag has a URL only once it is set up; calls
// need an ID token for the service's own URL from an account that may invoke it; /healthz belongs to the platform; tags
// beyond the limit are deleted silently.
//
// What it does not have: several instances of a revision, jobs, worker pools, volume mounts, VPCs. A revision
// starts when its readiness is checked and again on demand, and is stopped when it has neither traffic nor a tag.
//
// Protocol: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
package cloudrun
