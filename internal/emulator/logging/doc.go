// Package logging emulates Cloud Logging on loopback: entries.list and entries.write of REST API v2 as
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries has them. An entry can be listed only after a lag, as
// in the real one.
//
// Entries are in memory and bounded: the oldest go first, and none outlives the process. Filters know comparisons with =,
// !=, <, <=, > and >= of the fields of entries with a text; everything else is refused by name. There are no log buckets,
// views, sinks or metrics.
package logging
