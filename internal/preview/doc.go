// Package preview is the core of Gangway: what a preview is, what is wanted of it, what was last seen of it, and which
// actions follow. It is pure: no I/O, no clock, no context but in the [Store] port, and nothing beyond the standard
// library. Decisions are made by [DecideWanted] and [DecideObserved], which the use cases (packages intake and
// reconcile) call after they have read the truth; everything that they return is data.
//
// A preview is two rows with an owner each: the intake writes [Wanted], the aggregator writes [Observed]. Each row has
// a version of its own, so that "closed" can be saved while an apply runs.
package preview
