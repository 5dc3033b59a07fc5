// Package release is the core of releases: what a line of releases is, how far the one that is under way has come, and
// which actions follow. It is pure: no I/O, no clock, no context, and nothing beyond the standard library and the words
// of package preview. [Decide] is called after the truth has been read; everything that it returns is data. The state
// is saved before the actions are carried out, so that what may have been done is always noted.
//
// A line is one service in one environment; it has at most one release under way. The rules that everything here keeps:
// a candidate has no share of the traffic before it was verified and approved; shares are changed by naming revisions,
// under the etag of the list that was read, and tags stay as found; shares that somebody else has set stop a rollout and
// ask a person; going back is always one change to the last good revision; and what is not known is never taken to be
// absent.
package release
