// Package release decides how a merged revision comes to serve an environment: built, deployed without traffic, shown on a
// QA gateway, verified, approved, given a growing share of traffic, and taken back if it misbehaves.
//
// It is pure: data in, data out, no I/O, no clock. [Decide] takes what is kept of a line (the releases of one service in one
// environment, one after the other), what has been read, and the time, and says how the line goes on and what is to be
// done. Actions may be done twice, or not at all when a process dies: what is decided next is decided from what is read
// then, never from what was asked for.
//
// What it never does: give traffic to a candidate that is not verified and approved; change a share of a revision that is
// neither the candidate nor the one that the release began with; change a tag of somebody else's; go on after somebody
// else has changed the traffic.
package release
