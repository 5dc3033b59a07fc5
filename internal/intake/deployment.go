package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// Services is what has to be known of Cloud Run to say what is deployed.
type Services interface {
	Service(ctx context.Context, ref preview.ServiceRef) (preview.CloudRunService, error)
}

// NewDeployment says how member m of a preview is deployed, of which w holds the other members: with the configuration's
// variables, the addresses of the services that it calls, and labels that say whose the revision is.
func NewDeployment(
	ctx context.Context, runs Services, s site.Site, w preview.Wanted, m preview.Member,
) (preview.Deployment, error) {
	service, err := s.Service(m.Service)
	if err != nil {
		return preview.Deployment{}, err
	}
	env := map[string]string{}
	for _, call := range service.Calls {
		told, err := address(ctx, runs, s, w, call)
		if err != nil {
			return preview.Deployment{}, err
		}
		maps.Copy(env, told)
	}
	maps.Copy(env, service.Preview.Env)
	secrets := map[string]preview.SecretSource{}
	for name, secret := range service.Preview.Secrets {
		secrets[name] = preview.SecretSource{Secret: secret.Name, Version: secret.Version}
	}
	return preview.Deployment{
		Service: s.Ref(service), Tag: m.Tag, Revision: m.Revision, Image: m.Image,
		Labels: labels(s, service, m), Env: env, Secrets: secrets, ServiceAccount: service.Preview.ServiceAccount,
	}, nil
}

// labels mark a revision as ours. The commit label of the service is the live revision's by inheritance, so it has to be
// replaced.
func labels(s site.Site, service *catalog.Service, m preview.Member) map[string]string {
	labels := s.Key.Labels(s.Catalog.Installation)
	labels[preview.LabelService] = m.Service
	labels[preview.LabelCommit] = m.SHA
	labels[preview.LabelChange] = s.Key.Change(m.SHA)
	if m.BuildID != "" {
		labels[preview.LabelBuild] = m.BuildID
	}
	if m.Source != "" {
		labels[preview.LabelSource] = m.Source
	}
	if m.Generation > 0 { // whoever deploys from outside knows of none
		labels[preview.LabelGeneration] = strconv.FormatInt(m.Generation, 10)
	}
	labels[service.CommitLabel] = m.SHA
	return labels
}

// isMember tells whether labels are those of a preview's revision of a service.
func isMember(have map[string]string, s site.Site, service string) bool {
	return have[preview.LabelInstallation] == s.Catalog.Installation && have[preview.LabelPreview] == s.Key.Hash() &&
		have[preview.LabelService] == service
}

// address tells a revision where a service that it calls is: the preview's revision if it is a member too, else the
// environment's.
func address(
	ctx context.Context, runs Services, s site.Site, w preview.Wanted, call catalog.Call,
) (env map[string]string, err error) {
	callee, err := s.Service(call.Service)
	if err != nil {
		return nil, err
	}
	state, err := runs.Service(ctx, s.Ref(callee))
	if errors.Is(err, preview.ErrNotFound) {
		return nil, &preview.UserError{
			Summary: fmt.Sprintf("The Cloud Run service %s, which is called by a changed service, does not exist", callee.CloudRun),
			Hint:    "Deploy it to the environment first.",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading service %s: %w", callee.CloudRun, err)
	}
	url := state.URL
	if _, ok := w.Member(call.Service); ok {
		url = preview.TagURL(state.URL, s.Key.Tag())
	}
	env = map[string]string{}
	if call.URLEnv != "" {
		env[call.URLEnv] = url
	}
	if call.AudienceEnv != "" {
		env[call.AudienceEnv] = state.URL
	}
	return env, nil
}
