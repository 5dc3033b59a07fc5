package catalog

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// A rule says what to do about a text; "" when the text is fine.
type rule func(string) (remedy string)

var (
	dnsLabel    = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	definition  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)
	repository  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$`)
	connection  = regexp.MustCompile(`^projects/[^/\s]+/locations/[^/\s]+/connections/[^/\s]+/repositories/[^/\s]+$`)
	project     = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	region      = regexp.MustCompile(`^[a-z]+(-[a-z]+)+[0-9]+$`)
	email       = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	images      = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`)
	bucket      = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$`)
	apiID       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	labelKey    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	environment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName  = regexp.MustCompile(`^(projects/[a-z0-9.:-]+/secrets/)?[A-Za-z0-9_-]{1,255}$`)
	secretVer   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
)

// matches is the rule that a text matches an expression.
func matches(e *regexp.Regexp, remedy string) rule {
	return func(s string) string {
		if e.MatchString(s) {
			return ""
		}
		return remedy
	}
}

func isName(s string) string {
	return matches(dnsLabel, "Write a DNS label: at most 63 lower-case letters, digits and hyphens; it begins with a letter "+
		"and ends with a letter or digit.")(s)
}

func isInstallation(s string) string {
	if len(s) > 20 || !dnsLabel.MatchString(s) {
		return "Write a DNS label of at most 20 characters: lower-case letters, digits and hyphens; it begins with a letter."
	}
	return ""
}

func isDefinition(s string) string {
	return matches(definition, "Write letters, digits, _ and -; the services' documents use it by this name.")(s)
}

func isRepository(s string) string {
	if repository.MatchString(s) && !strings.HasSuffix(s, ".git") {
		return ""
	}
	return `Write it as on GitHub: "owner/name", without https:// and .git.`
}

func isConnection(s string) string {
	return matches(connection, `Write Cloud Build's full name of the repository: `+
		`"projects/P/locations/L/connections/C/repositories/R". Without it, builds get their sources by source_bucket, or clone from GitHub.`)(s)
}

func isProject(s string) string {
	return matches(project, "Write the project's id (not its name or number): 6 to 30 lower-case letters, digits and hyphens.")(s)
}

func isRegion(s string) string {
	return matches(region, `Write a region of Google Cloud, for example "europe-west1".`)(s)
}

func isEmail(s string) string {
	return matches(email, `Write a service account's e-mail: "name@project.iam.gserviceaccount.com".`)(s)
}

func isImages(s string) string {
	return matches(images, `Write an image repository without scheme and tag: "europe-west1-docker.pkg.dev/acme-dev/previews".`)(s)
}

// isBucket is the rule for a bucket's name: https://cloud.google.com/storage/docs/buckets#naming
func isBucket(s string) string {
	return matches(bucket, "Write a bucket's name without gs://: 3 to 63 lower-case letters, digits, -, _ and dots.")(s)
}

func isAPI(s string) string {
	return matches(apiID, "Write an API's id: at most 63 lower-case letters, digits and hyphens, not beginning with a hyphen.")(s)
}

// isDocumentVersion is the rule for the version of OpenAPI that a gateway's document is written in: package openapi writes
// these two.
func isDocumentVersion(s string) string {
	switch {
	case s == "2.0" || s == "3.0":
		return ""
	case strings.HasPrefix(s, "3.1") || strings.HasPrefix(s, "3.2"):
		return `Write "3.0", or leave it out: these are written. Services' documents in 3.1 are accepted all the same, and ` +
			"brought to 3.0."
	case strings.HasPrefix(s, "3"):
		return `Write "3.0".`
	case strings.HasPrefix(s, "2"):
		return `Write "2.0".`
	}
	return `Write "2.0" or "3.0", or leave it out: then it is 2.0 when all services' documents are, else 3.0.`
}

func isLabelKey(s string) string {
	return matches(labelKey, "Write a label's key: at most 63 lower-case letters, digits, _ and -; it begins with a letter.")(s)
}

func isSecret(s string) string {
	return matches(secretName, `Write a secret's id in Secret Manager, or "projects/P/secrets/S". Never the secret itself.`)(s)
}

func isSecretVersion(s string) string {
	return matches(secretVer, `Write a version's number, an alias, or "latest".`)(s)
}

// isEnv is the rule for names of environment variables.
// https://cloud.google.com/run/docs/configuring/services/environment-variables
func isEnv(s string) string {
	switch {
	case s == "":
		return "Write the environment variable's name."
	case !environment.MatchString(s):
		return "Write letters, digits and _; it does not begin with a digit."
	case s == "PORT" || s == "K_SERVICE" || s == "K_REVISION" || s == "K_CONFIGURATION" || strings.HasPrefix(s, "X_GOOGLE_"):
		return "Take another name: Cloud Run sets this one itself."
	}
	return ""
}

// oneOf is the rule that a text is one of a few words.
func oneOf(words ...string) rule {
	return func(s string) string {
		if slices.Contains(words, s) {
			return ""
		}
		return fmt.Sprintf(`Write "%s".`, strings.Join(words, `" or "`))
	}
}

// isRepositoryPath is the rule for a path in a repository: clean, relative, inside.
func isRepositoryPath(s string) string {
	switch {
	case s == "":
		return `Write a path in the repository, for example "orders/openapi.yaml".`
	case strings.HasPrefix(s, "/"):
		return fmt.Sprintf("Write it without the leading slash, from the root of the repository: %q.", strings.TrimLeft(s, "/"))
	case strings.Contains(s, `\`) || strings.ContainsFunc(s, unicode.IsControl):
		return "Write it with forward slashes and without control characters."
	case s == ".." || strings.HasPrefix(path.Clean(s), "../"):
		return "It leads out of the repository. Write a path inside it, without \"..\"."
	case path.Clean(s) != s:
		return fmt.Sprintf("Write it as %q.", path.Clean(s))
	}
	return ""
}

// isReference is the rule for a file beside the configuration.
func isReference(s string) string {
	if strings.HasPrefix(s, "/") {
		return "Write a path relative to the configuration, of a file in its folder or below."
	}
	if remedy := isRepositoryPath(s); remedy != "" {
		return strings.ReplaceAll(remedy, "the repository", "the configuration's folder")
	}
	return ""
}

// isGlob is the rule for a pattern over a repository's paths.
func isGlob(s string) string {
	switch {
	case s == "":
		return `Write a pattern, for example "orders/**".`
	case strings.HasPrefix(s, "!"):
		return "Patterns can't exclude. Name what changes the service instead."
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "./"):
		return fmt.Sprintf("Nothing would match. Write it from the root of the repository: %q.", strings.TrimLeft(s, "./"))
	case strings.HasSuffix(s, "/"):
		return fmt.Sprintf("Nothing would match. For a folder with all that is in it write %q.", s+"**")
	case s == ".." || strings.Contains("/"+s+"/", "/../"):
		return `Nothing would match. Write it from the root of the repository, without "..".`
	case !doublestar.ValidatePattern(s):
		return "Close every [ and {, and don't end with a backslash. * is within a folder, ** any folders, " +
			"? one character, [a-z] one of these, {a,b} one or the other."
	}
	return ""
}

// isURLPath is the rule for a path that a preview is opened or probed at.
func isURLPath(s string) string {
	if !strings.HasPrefix(s, "/") {
		return `Write a path that begins with a slash, for example "/orders".`
	}
	if _, err := url.Parse("https://gateway.example" + s); err != nil || strings.ContainsFunc(s, unicode.IsSpace) {
		return "Write it as in a browser's address line, with spaces and special characters escaped."
	}
	return ""
}

// isURL is the rule for an address: https, or http on the own machine.
func isURL(s string) string {
	const remedy = `Write a URL with https://, without user, query and fragment. (http:// only for localhost.)`
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return remedy
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return ""
	}
	return remedy
}

// isIssuer is the rule for a token's issuer, which is mostly a URL but may be an e-mail.
func isIssuer(s string) string {
	if s == "" || strings.ContainsFunc(s, unicode.IsSpace) {
		return `Write what the tokens carry as "iss", for example "https://accounts.google.com".`
	}
	return ""
}

// isAudience is the rule for a token's audience.
func isAudience(s string) string {
	if s == "" || strings.ContainsFunc(s, unicode.IsSpace) || strings.Contains(s, ",") {
		return `Write what the tokens carry as "aud", one audience an element.`
	}
	return ""
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
