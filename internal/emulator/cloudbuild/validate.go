package cloudbuild

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

var (
	tagPattern          = regexp.MustCompile(`^[\w][\w.-]{0,127}$`)
	substitutionPattern = regexp.MustCompile(`^_[A-Z0-9_]+$`)
	// userAccount is not the default service account, in all spellings.
	userAccount = regexp.MustCompile(`^projects/[^/]+/serviceAccounts/[^/]+$`)
)

// limits of https://cloud.google.com/build/quotas and of the API reference.
const (
	maxSteps        = 300
	maxTags         = 64
	maxTimeout      = 24 * 3600
	maxSubstitution = 4000
)

// validate checks what can be checked before substitutions.
func (b *Build) validate() error {
	if len(b.Steps) == 0 || len(b.Steps) > maxSteps {
		return googleapi.Invalid("invalid build: must specify 1 to %d build steps", maxSteps)
	}
	if len(b.Tags) > maxTags {
		return googleapi.Invalid("invalid value for 'build.tags': too many tags")
	}
	for _, tag := range b.Tags {
		if !tagPattern.MatchString(tag) {
			return googleapi.Invalid("invalid value for 'build.tags': invalid build tag %q: must match format %q", tag, tagPattern)
		}
	}
	for name, value := range b.Substitutions {
		if !substitutionPattern.MatchString(name) || len(value) > maxSubstitution {
			return googleapi.Invalid("invalid value for 'build.substitutions': %q is not a valid user-defined substitution", name)
		}
	}
	if b.Timeout < 0 || b.Timeout > Duration(maxTimeout*1e9) {
		return googleapi.Invalid("invalid value for 'build.timeout': more than 24 hours")
	}
	if b.Options == nil {
		b.Options = &BuildOptions{}
	}
	if err := b.Options.normalise(); err != nil {
		return googleapi.Invalid("%v", err)
	}
	if err := b.validateAccount(); err != nil {
		return err
	}
	if b.Source != nil && b.Source.count() != 1 {
		return googleapi.Invalid("invalid value for 'build.source': exactly one of gitSource, connectedRepository and storageSource is supported here")
	}
	return b.validateSteps()
}

func (b *Build) validateAccount() error {
	if b.ServiceAccount == "" {
		return nil
	}
	if !userAccount.MatchString(b.ServiceAccount) {
		return googleapi.Invalid("invalid value for 'build.service_account': must be in the format projects/{PROJECT_ID}/serviceAccounts/{ACCOUNT}")
	}
	o := b.Options
	if b.LogsBucket == "" && o.DefaultLogsBucketBehavior != "REGIONAL_USER_OWNED_BUCKET" && o.Logging != "CLOUD_LOGGING_ONLY" && o.Logging != "NONE" {
		return googleapi.Invalid("invalid argument: if 'build.service_account' is specified, the build must either " +
			"(a) specify 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, " +
			"or (c) use either CLOUD_LOGGING_ONLY / NONE logging options")
	}
	return nil
}

func (b *Build) validateSteps() error {
	ids := map[string]bool{} // of earlier steps
	for i, step := range b.Steps {
		at := fmt.Sprintf("build step %d", i)
		if step == nil || step.Name == "" {
			return googleapi.Invalid("invalid build: %s must specify an image name", at)
		}
		if step.Script != "" && (len(step.Args) > 0 || step.Entrypoint != "") {
			return googleapi.Invalid("invalid build: %s: script cannot be set along with args or entrypoint", at)
		}
		if step.Dir != "" && !strings.HasPrefix(path.Clean("/workspace/"+step.Dir), "/workspace") && !path.IsAbs(step.Dir) {
			return googleapi.Invalid("invalid build: %s: dir %q leaves the workspace", at, step.Dir)
		}
		if err := step.validateOrder(at, ids); err != nil {
			return err
		}
		for _, kv := range slices.Concat(step.Env, b.Options.Env) {
			if !strings.Contains(kv, "=") {
				return googleapi.Invalid("invalid build: %s: env %q is not KEY=VALUE", at, kv)
			}
		}
	}
	return nil
}

// validateOrder checks the step's own id and those that it waits for against the ids of earlier steps, to which it adds
// its own.
func (step *Step) validateOrder(at string, ids map[string]bool) error {
	if slices.Contains(step.WaitFor, "-") && len(step.WaitFor) > 1 {
		return googleapi.Invalid("invalid build: %s: waitFor cannot contain both '-' and other ids", at)
	}
	for _, id := range step.WaitFor {
		if id != "-" && !ids[id] {
			return googleapi.Invalid("invalid build: %s: waitFor refers to %q, which is no earlier step", at, id)
		}
	}
	if step.ID == "" {
		return nil
	}
	if ids[step.ID] {
		return googleapi.Invalid("invalid build: %s: id %q is used twice", at, step.ID)
	}
	ids[step.ID] = true
	return nil
}
