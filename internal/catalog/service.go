package catalog

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxCloudRunName is how long a Cloud Run service's name may be at all.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#createservicerequest
const maxCloudRunName = 49

// defaultCommitLabel is the label that deploy-cloudrun and Cloud Run's continuous deployment set.
const defaultCommitLabel = "commit-sha"

func (r environmentReader) service(b *hclsyntax.Block, services []string, seen claims) Service {
	s := r.scope(b)
	name := s.label(isName)
	seen.claim(r.parser, name.value, name.at, "Service %q is claimed twice in its gateway",
		"A gateway has a service once. Rename or remove one of the two.")
	sv := Service{
		Name:        name.value,
		Repository:  r.repositoryOf(s),
		Paths:       values(s.requiredTexts("paths", name.value+"/**", isGlob)),
		OpenAPI:     s.requiredText("openapi", name.value+"/openapi.yaml", isRepositoryPath).value,
		CommitLabel: cmp.Or(s.text("commit_label", isLabelKey).value, defaultCommitLabel),
	}
	sv.CloudRun = r.cloudRunName(s, name)
	sv.Build = r.build(s, sv.OpenAPI)
	env := claims{} // environment variables that a preview's revision is given
	sv.Calls = r.calls(s, name.value, services, env)
	sv.Preview = r.settings(s, env)
	s.finish()
	return sv
}

// repositoryOf is the service's repository in the spelling of its declaration.
func (r environmentReader) repositoryOf(s *scope) string {
	t := s.requiredText("repository", "acme/shop", isRepository)
	if t.value == "" {
		return ""
	}
	declared, ok := r.catalog.Repository(t.value)
	if !ok {
		r.wrong(t.at, fmt.Sprintf("Declare it at the top of the configuration: repository %q { }", t.value),
			"Repository %q is not declared", t.value)
		return t.value
	}
	return declared.Name
}

// cloudRunName reads and checks the name of the service on Cloud Run.
func (r environmentReader) cloudRunName(s *scope, name text) string {
	t := s.text("cloud_run", isName)
	if t.bad {
		return ""
	}
	if t.value == "" {
		t = name
	}
	r.cloudRun.claim(r.parser, t.value, t.at, "Cloud Run service %q is claimed twice in its environment",
		"Two gateways can't override the same service, for a preview's tag on it would belong to both. "+
			"Set cloud_run if the names differ on Cloud Run, or keep it in one gateway.")
	most, why := maxCloudRunName, fmt.Sprintf("Cloud Run allows %d", maxCloudRunName)
	if r.previews {
		tag := longest("").Tag()
		most = preview.MaxTagAndService - len(tag)
		why = fmt.Sprintf("with a preview's tag such as %q Cloud Run allows %d together", tag, preview.MaxTagAndService)
	}
	if len(t.value) > most {
		r.wrong(t.at, fmt.Sprintf("It may have %d characters: %s. Rename the service on Cloud Run.", most, why),
			"Cloud Run name %q is too long", t.value)
	}
	return t.value
}

func (r environmentReader) build(s *scope, openapi string) Build {
	b := Build{Context: path.Dir(openapi)}
	if inner, ok := s.only("build"); ok {
		config := inner.text("config", isReference)
		b.Config, b.ConfigFile = r.readFile(config), config.value
		b.Context = cmp.Or(inner.text("context", isRepositoryPath).value, b.Context)
		b.Dockerfile = inner.text("dockerfile", isRepositoryPath).value
		b.ComposeTest = inner.text("compose_test", isRepositoryPath).value
		b.Pipeline = inner.truth("pipeline", false)
		inner.finish()
	}
	if b.Dockerfile == "" {
		b.Dockerfile = path.Join(b.Context, "Dockerfile")
	}
	return b
}

func (r environmentReader) calls(s *scope, self string, services []string, env claims) []Call {
	var all []Call
	seen := claims{}
	for _, b := range s.blocks("calls", "catalog") {
		inner := r.scope(b)
		target := inner.label(isName)
		seen.claim(r.parser, target.value, target.at, "Calls of %q are declared twice", "Put the content of both into one.")
		switch {
		case target.value == "":
		case target.value == self:
			r.wrong(target.at, "Remove the block: a service needs no address of its own.", "Service %q calls itself", self)
		case !slices.Contains(services, target.value):
			r.wrong(target.at, "Name a service of the same gateway: "+strings.Join(services, ", ")+".",
				"Unknown service %q", target.value)
		}
		url := inner.requiredText("url_env", envName(target.value, "URL"), isEnv)
		audience := inner.text("audience_env", isEnv)
		claimEnv(r.parser, env, url)
		claimEnv(r.parser, env, audience)
		inner.finish()
		all = append(all, Call{Service: target.value, URLEnv: url.value, AudienceEnv: audience.value})
	}
	slices.SortStableFunc(all, func(a, b Call) int { return strings.Compare(a.Service, b.Service) })
	return all
}

// envName is the usual environment variable for something of a service: CATALOG_URL.
func envName(service, what string) string {
	return strings.ToUpper(strings.ReplaceAll(cmp.Or(service, "other"), "-", "_")) + "_" + what
}

func claimEnv(p *parser, env claims, name text) {
	env.claim(p, name.value, name.at, "Environment variable %q is set twice", "Remove or rename one of the two.")
}

func (r environmentReader) settings(s *scope, env claims) PreviewSettings {
	var settings PreviewSettings
	inner, ok := s.only("preview")
	if !ok {
		return settings
	}
	settings.ServiceAccount = inner.text("service_account", isEmail).value
	if a, ok := inner.attribute("env"); ok {
		settings.Env = map[string]string{}
		for _, pair := range r.pairs(a.Expr) {
			key := inner.check(pair.key, "environment variable", isEnv)
			value, ok := r.literalEnv(pair.value)
			claimEnv(r.parser, env, key)
			if ok && key.value != "" {
				settings.Env[key.value] = value
			}
		}
	}
	for _, b := range inner.blocks("secret", "DB_PASSWORD") {
		if settings.Secrets == nil {
			settings.Secrets = map[string]Secret{}
		}
		secret := r.scope(b)
		variable := secret.label(isEnv)
		claimEnv(r.parser, env, variable)
		settings.Secrets[variable.value] = Secret{
			Name:    secret.requiredText("name", "shop-preview-db-password", isSecret).value,
			Version: cmp.Or(secret.text("version", isSecretVersion).value, "latest"),
		}
		secret.finish()
	}
	inner.finish()
	return settings
}
