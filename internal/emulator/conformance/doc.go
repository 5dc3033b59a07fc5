// Package conformance holds requests to the emulators, and their answers, against the descriptions that the providers
// publish: Google's discovery documents and GitHub's OpenAPI description. It judges what passes by and changes nothing.
//
// A [Handler] stands before an emulator's API. What it finds it reports as a [Violation]: an operation that does not
// exist, a parameter, field, type, format or status that is not described, a required one that is missing. It is no
// substitute for the emulators' own rules, which say more than the descriptions do, and it does not look at what is not
// part of an API: pages, git, the emulators' own paths.
//
// The descriptions are reduced to what is checked and embedded; see descriptions/README.md.
package conformance

//go:generate go run ./generate
