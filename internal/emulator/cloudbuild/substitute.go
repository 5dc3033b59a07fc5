package cloudbuild

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// reference is $$, $NAME or ${NAME}:
// https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
var reference = regexp.MustCompile(`\$(?:(\$)|(_?[A-Z][A-Z0-9_]*)|\{(_?[A-Z][A-Z0-9_]*)\}|(_[0-9][A-Z0-9_]*)|\{(_[0-9][A-Z0-9_]*)\})`)

// substitute replaces the variables of a build. With MUST_MATCH a variable that is not defined, and a definition that
// is not used, are errors; with ALLOW_LOOSE the first is empty and the second doesn't matter.
func (b *Build) substitute(location string) error {
	values := map[string]string{
		"PROJECT_ID": b.ProjectID, "BUILD_ID": b.ID, "PROJECT_NUMBER": googleapi.ProjectNumber(b.ProjectID), "LOCATION": location,
	}
	// Without a trigger these are empty, and known.
	for _, name := range []string{
		"TRIGGER_NAME", "COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME", "BRANCH_NAME", "TAG_NAME",
		"REF_NAME", "TRIGGER_BUILD_CONFIG_PATH", "SERVICE_ACCOUNT", "SERVICE_ACCOUNT_EMAIL",
	} {
		values[name] = ""
	}
	if b.ServiceAccount != "" {
		values["SERVICE_ACCOUNT"] = b.ServiceAccount
		values["SERVICE_ACCOUNT_EMAIL"] = b.ServiceAccount[strings.LastIndexByte(b.ServiceAccount, '/')+1:]
	}
	maps.Copy(values, b.Substitutions)
	used, unknown := map[string]bool{}, ""
	replace := func(text *string) {
		*text = reference.ReplaceAllStringFunc(*text, func(found string) string {
			m := reference.FindStringSubmatch(found)
			if m[1] != "" {
				return "$"
			}
			name := m[2] + m[3] + m[4] + m[5]
			used[name] = true
			value, ok := values[name]
			if !ok && unknown == "" {
				unknown = name
			}
			return value
		})
	}
	b.eachText(replace)
	b.automap(values, used)
	if b.Options.SubstitutionOption == "ALLOW_LOOSE" {
		return nil
	}
	if unknown != "" {
		return googleapi.Invalid("invalid value for 'build.substitutions': key in the template %q is not a valid built-in substitution", unknown)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Substitutions)) {
		if !used[name] {
			return googleapi.Invalid("invalid value for 'build.substitutions': key in the substitution data %q is not matched in the template", name)
		}
	}
	return nil
}

// eachText visits every field in which Cloud Build replaces variables. A script is none of them.
func (b *Build) eachText(f func(*string)) {
	for i := range b.Steps {
		step := *b.Steps[i]
		step.Args, step.Env = slices.Clone(step.Args), slices.Clone(step.Env)
		for _, text := range []*string{&step.Name, &step.Dir, &step.Entrypoint, &step.ID} {
			f(text)
		}
		for j := range step.Args {
			f(&step.Args[j])
		}
		for j := range step.Env {
			f(&step.Env[j])
		}
		b.Steps[i] = &step
	}
	b.Images, b.Tags = slices.Clone(b.Images), slices.Clone(b.Tags)
	for i := range b.Images {
		f(&b.Images[i])
	}
	for i := range b.Tags {
		f(&b.Tags[i])
	}
	f(&b.LogsBucket)
	options := *b.Options
	options.Env = slices.Clone(options.Env)
	for i := range options.Env {
		f(&options.Env[i])
	}
	b.Options = &options
}

// automap gives the steps that ask for it all variables in their environment.
func (b *Build) automap(values map[string]string, used map[string]bool) {
	for _, step := range b.Steps {
		if step.Automap == nil && !b.Options.AutomapSubstitutions || step.Automap != nil && !*step.Automap {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			used[name] = true
			step.Env = append(step.Env, name+"="+values[name])
		}
	}
}
