package terraform

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Errors that callers may want to tell from others; all of them are temporary, and a *[preview.Obstacle] says what people can
// do about one that lasts. What is not listed here is a
// *preview.UserError (API Gateway refused the document), preview.ErrConflict (a resource exists already and is not in
// the state), preview.ErrNotFound (the gateway that was to be adopted does not exist) or the context's error.
var (
	// ErrLocked says that somebody else works on the stack.
	ErrLocked = errors.New("the state is locked")
	// ErrQuota says that Google Cloud has no room for what was asked for, or was asked too often.
	ErrQuota = errors.New("quota exhausted")
	// ErrTimeout says that Terraform was interrupted because it took longer than Options.Timeout.
	ErrTimeout = errors.New("terraform took too long")
)

// maxMessage bounds what is kept of Terraform's words.
const maxMessage = 2000

// An Error is a failed run of Terraform. Its text is fit for logs: secrets of the environment are removed from it.
type Error struct {
	Command  string // "apply", "destroy", "init", …
	Resource string // "api", "api_config" or "gateway" when it is about one
	Message  string // Terraform's words
	cause    error
}

func (e *Error) Error() string {
	text := "terraform " + e.Command
	if e.Resource != "" {
		text += ": " + e.Resource
	}
	return text + ": " + e.Message
}

// Unwrap is the sentinel error that the failure amounts to, if any.
func (e *Error) Unwrap() error { return e.cause }

// What API Gateway and Terraform say. The texts are the provider's, which repeat the REST API's.
var (
	rejected  = regexp.MustCompile(`Cannot convert to service config|Error 400: .*(?i:openapi|swagger|document)`)
	exists    = regexp.MustCompile(`(?i)Error 409: .*already exists|ALREADY_EXISTS|Error code 6,|code 409`)
	exhausted = regexp.MustCompile(`Error 429|RESOURCE_EXHAUSTED|Error code 8,`)
	absent    = regexp.MustCompile(`Cannot import non-existent remote object`)
	locked    = regexp.MustCompile(`Error acquiring the state lock`)
	stale     = regexp.MustCompile(`Module not installed|Module source has changed|Backend initialization required|` +
		`Required plugins are not installed|Inconsistent dependency lock file|Missing required provider|Unreadable module directory`)
	unlocked = regexp.MustCompile(`doesn't match any of the checksums|does not match configured version constraint|locked provider`)
	missing  = regexp.MustCompile(`Failed to query available provider packages|Failed to install provider`)
	// prefix is what the provider puts before the far end's words.
	prefix = regexp.MustCompile(`^(?s).*?googleapi: Error \d+: `)
	bearer = regexp.MustCompile(`(?i)\b(bearer\s+|ya29\.)[\w.~+/=-]+`)
)

// translate turns the diagnostics of a failed command into the error that describes it best: the one that a person can
// do something about before the ones that time heals.
func (r *Runner) translate(command string, diagnostics []diagnostic, run error) error {
	if len(diagnostics) == 0 {
		return &Error{Command: command, Message: r.clean(run.Error())}
	}
	var best error
	rank := -1
	for _, d := range diagnostics {
		if n, err := r.translateOne(command, d); n > rank {
			rank, best = n, err
		}
	}
	return best
}

// translateOne is the error of one diagnostic with its rank.
func (r *Runner) translateOne(command string, d diagnostic) (rank int, err error) {
	text := r.clean(strings.TrimSpace(d.Summary + "\n" + d.Detail))
	e := &Error{Command: command, Resource: resourceOf(d.Address), Message: text}
	switch {
	case rejected.MatchString(text) && (e.Resource == resourceConfig || e.Resource == ""):
		return 5, fmt.Errorf("terraform %s: %w", command, &preview.UserError{
			Summary: "API Gateway does not accept the gateway document",
			Detail:  prefix.ReplaceAllString(text, ""),
			Hint:    "Correct the OpenAPI document of the service that it names.",
		})
	case locked.MatchString(text):
		e.cause = ErrLocked
		return 4, e
	case exists.MatchString(text):
		e.cause = preview.ErrConflict
		return 3, e
	case absent.MatchString(text):
		e.cause = preview.ErrNotFound
		return 3, e
	case exhausted.MatchString(text):
		e.cause = ErrQuota
		return 2, &preview.Obstacle{Cause: e, UserError: preview.UserError{
			Summary: "Google Cloud has no room for the preview's gateway", Detail: text,
			Hint: "It is tried again by itself. Close a pull request that nobody looks at, or ask your operator to raise the quota of API Gateway.",
		}}
	case unlocked.MatchString(text):
		e.Message += "\nThe provider is not the one that Gangway's lock file pins. Mend the mirror, or use the provider of this release."
	case missing.MatchString(text):
		e.Message += "\nTerraform needs to reach registry.terraform.io, or a mirror that TF_CLI_CONFIG_FILE names."
	}
	return 1, e
}

// resourceOf is the resource that an address belongs to.
func resourceOf(address string) string {
	for part := range strings.SplitSeq(address, ".") {
		if name := resourceName(part); name != "" {
			return name
		}
	}
	return ""
}

// clean removes secrets from text and cuts it.
func (r *Runner) clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "REDACTED")
	}
	text = strings.TrimSpace(bearer.ReplaceAllString(text, "REDACTED"))
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " …"
	}
	return text
}

// secretsOf are the values of env that must not be told.
func secretsOf(env map[string]string) []string {
	var out []string
	for name, value := range env {
		upper := strings.ToUpper(name)
		for _, word := range []string{"TOKEN", "SECRET", "PASSWORD", "CREDENTIALS", "KEY"} {
			// Short values are no secrets, and removing them would garble texts.
			if strings.Contains(upper, word) && len(value) >= 8 {
				out = append(out, value)
				break
			}
		}
	}
	return out
}

// cancelled is the error of a run that was interrupted: by its caller, or because it took too long.
func cancelled(ctx context.Context, command string) error {
	return &Error{Command: command, Message: "interrupted", cause: context.Cause(ctx)}
}
