package telemetry

import (
	"fmt"
	"log/slog"
)

// A Secret is a value that must not be seen: printing, formatting, logging or encoding it in any way gives
// "REDACTED" (or nothing, when it is empty, so that a missing one can be told apart). Only [Secret.Reveal] gives it out.
// (Package fmt can't ask the unexported fields of a struct how they want to be shown: don't print a struct that has a
// Secret in one.)
type Secret string

const redacted = "REDACTED"

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is what %#v prints.
func (s Secret) GoString() string { return fmt.Sprintf("telemetry.Secret(%q)", s.String()) }

// Format redacts under every verb, %x and %q too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText redacts in JSON, YAML and XML alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON redacts in JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// LogValue redacts in log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
