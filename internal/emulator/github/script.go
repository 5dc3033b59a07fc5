package github

import (
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/base64"
)

// liveScript keeps what is marked as live up to date. It is the only script that the pages may run.
//
//go:embed pages/live.js
var liveScript string

// policy allows the pages nothing but what they need: also what gets past the sanitizer can't run.
func policy() string {
	sum := sha256.Sum256([]byte(liveScript))
	return "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; connect-src 'self'; " +
		"script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
