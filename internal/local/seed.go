package local

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	cloudbuildconfig "github.com/gangway-dev/gangway/cloudbuild"
	"github.com/gangway-dev/gangway/examples"
	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/openapi"
)

type object = map[string]any

// services of the shop, those that are called before those that call them.
var services = []string{"catalog", "users", "orders"}

// seed sets the environment up as its owner would have done long ago: a repository, images built from its main branch,
// services pinned to a revision, API shards, and the environment's own gateway. What is there already stays.
func (l *Local) seed(ctx context.Context) error {
	repository, err := l.Cloud.GitHub.CreateRepository(ctx, Repository, examples.Shop())
	if err != nil {
		return err
	}
	if err := l.seedServices(ctx, repository.CloneURL, repository.HeadSHA); err != nil {
		return err
	}
	if err := l.writeConfiguration(); err != nil {
		return err
	}
	if err := l.out.step(ctx, "environment: API shards", func() error { return l.shards(ctx) }); err != nil {
		return err
	}
	if err := l.out.step(ctx, "environment: its own gateway", func() error { return l.ownGateway(ctx) }); err != nil {
		return err
	}
	return l.writeConfiguration()
}

// seedServices builds and deploys the services. The first one is built alone: where Go's build cache is empty, it fills
// the cache for the others, which are built together then.
func (l *Local) seedServices(ctx context.Context, cloneURL, sha string) error {
	images := make([]string, len(services))
	build := func(n int) (err error) {
		images[n], err = l.buildUnlessDeployed(ctx, services[n], cloneURL, sha)
		return err
	}
	deploy := func(n int) error { return l.deploy(ctx, services[n], images[n], sha) }
	err := l.out.step(ctx, "environment: "+services[0], func() error {
		if err := build(0); err != nil {
			return err
		}
		return deploy(0)
	})
	if err != nil {
		return err
	}
	return l.out.step(ctx, "environment: "+strings.Join(services[1:], ", "), func() error {
		var group errgroup.Group
		for n := 1; n < len(services); n++ {
			group.Go(func() error { return build(n) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for n := 1; n < len(services); n++ {
			if err := deploy(n); err != nil {
				return err
			}
		}
		return nil
	})
}

// buildUnlessDeployed builds a service from the main branch, unless the environment has the service already.
func (l *Local) buildUnlessDeployed(ctx context.Context, name, cloneURL, sha string) (string, error) {
	err := l.api.call(ctx, http.MethodGet, l.serviceURL(name), nil, nil)
	if !errors.Is(err, errAbsent) {
		return "", err
	}
	return l.build(ctx, name, cloneURL, sha)
}

// build runs Cloud Build as the team's own pipeline would, and returns the image by digest.
func (l *Local) build(ctx context.Context, name, cloneURL, sha string) (string, error) {
	var config object
	if err := yaml.Unmarshal(cloudbuildconfig.Preview, &config); err != nil {
		return "", err
	}
	config["source"] = object{"gitSource": object{"url": cloneURL, "revision": sha}}
	config["serviceAccount"] = "projects/" + Project + "/serviceAccounts/" + buildAccount
	config["substitutions"] = object{
		"_IMAGE": images + "/" + name, "_SERVICE": name, "_CONTEXT": name, "_DOCKERFILE": name + "/Dockerfile",
		"_COMPOSE_TEST": "", "_SHA": sha, "_CACHE": "",
	}
	base := l.Endpoints.CloudBuild + "/v1/projects/" + Project + "/locations/" + Region + "/builds"
	var op operation
	if err := l.api.call(ctx, http.MethodPost, base, config, &op); err != nil {
		return "", err
	}
	var metadata struct {
		Build struct{ ID string } `json:"build"`
	}
	if err := json.Unmarshal(op.Metadata, &metadata); err != nil {
		return "", err
	}
	for {
		var build struct {
			Status  string
			LogURL  string `json:"logUrl"`
			Results struct {
				Images []struct{ Name, Digest string }
			}
		}
		if err := l.api.call(ctx, http.MethodGet, base+"/"+metadata.Build.ID, nil, &build); err != nil {
			return "", err
		}
		switch build.Status {
		case "SUCCESS":
			if len(build.Results.Images) == 0 {
				return "", fmt.Errorf("the build of %s pushed no image", name)
			}
			return images + "/" + name + "@" + build.Results.Images[0].Digest, nil
		case "QUEUED", "PENDING", "WORKING":
		default:
			return "", fmt.Errorf("the build of %s ended with %s: see %s", name, build.Status, build.LogURL)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *Local) serviceURL(name string) string {
	return l.Endpoints.CloudRun + "/v2/projects/" + Project + "/locations/" + Region + "/services/" + name
}

// deploy makes the Cloud Run service with all its traffic on one revision by name, so that a new revision doesn't go live
// by itself.
func (l *Local) deploy(ctx context.Context, name, image, sha string) error {
	if image == "" {
		return nil // it was there already
	}
	revision := name + "-00001-" + sha[:3]
	env := []object{{"name": "STAGE", "value": Environment}}
	if name == "orders" {
		uri, err := l.serviceURI(ctx, "catalog")
		if err != nil {
			return err
		}
		env = append(env, object{"name": "CATALOG_URL", "value": uri}, object{"name": "CATALOG_AUDIENCE", "value": uri})
	}
	body := object{
		"template": object{
			"revision": revision, "serviceAccount": runAccount, "labels": object{"commit-sha": sha},
			"containers": []object{{"image": image, "env": env}},
		},
	}
	parent, _, _ := strings.Cut(l.serviceURL(name), "/"+name)
	if err := l.api.do(ctx, http.MethodPost, parent+"?serviceId="+name, body, l.Endpoints.CloudRun+"/v2"); err != nil {
		return err
	}
	pin := object{"traffic": []object{{
		"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": 100,
	}}}
	err := l.api.do(ctx, http.MethodPatch, l.serviceURL(name)+"?updateMask=traffic", pin, l.Endpoints.CloudRun+"/v2")
	if err != nil {
		return err
	}
	return l.api.call(ctx, http.MethodPost, l.serviceURL(name)+":setIamPolicy", object{"policy": object{
		"bindings": []object{{
			"role": "roles/run.invoker", "members": []string{"serviceAccount:" + gatewayAccount, "serviceAccount:" + runAccount},
		}},
	}}, nil)
}

func (l *Local) serviceURI(ctx context.Context, name string) (string, error) {
	var service struct{ URI string }
	err := l.api.call(ctx, http.MethodGet, l.serviceURL(name), nil, &service)
	return service.URI, err
}

// shards makes the APIs that previews share, with Terraform.
func (l *Local) shards(ctx context.Context) error {
	c, err := catalog.Load(l.configurationFile())
	if err != nil {
		return err
	}
	environment, _ := c.Environment(Environment)
	gateway, _ := environment.Gateway(Gateway)
	settings := l.aggregator()
	runner, err := app.NewTerraform(settings, nil, l.o.Log)
	if err != nil {
		return err
	}
	return errors.Join(runner.ApplyAPIs(ctx, Environment, Project, Region, gateway.APIs), runner.Close())
}

// ownGateway makes the environment's gateway: the composition without overrides, as its owner's pipeline would.
func (l *Local) ownGateway(ctx context.Context) error {
	base := l.Endpoints.APIGateway + "/v1"
	global := base + "/projects/" + Project + "/locations/global"
	regional := base + "/projects/" + Project + "/locations/" + Region
	var gateway struct{ DefaultHostname string }
	err := l.api.call(ctx, http.MethodGet, regional+"/gateways/shop", nil, &gateway)
	if errors.Is(err, errAbsent) {
		if err := l.makeOwnGateway(ctx, base, global, regional); err != nil {
			return err
		}
		err = l.api.call(ctx, http.MethodGet, regional+"/gateways/shop", nil, &gateway)
	}
	l.gateway = "http://" + gateway.DefaultHostname
	return err
}

func (l *Local) makeOwnGateway(ctx context.Context, base, global, regional string) error {
	document, err := l.baseline(ctx)
	if err != nil {
		return err
	}
	steps := []struct {
		url  string
		body object
	}{
		{global + "/apis?apiId=shop", object{"displayName": "Shop"}},
		{global + "/apis/shop/configs?apiConfigId=main", object{
			"gatewayServiceAccount": gatewayAccount,
			"openapiDocuments": []object{{"document": object{
				"path": "openapi.yaml", "contents": base64.StdEncoding.EncodeToString(document),
			}}},
		}},
		{regional + "/gateways?gatewayId=shop", object{
			"apiConfig": "projects/" + Project + "/locations/global/apis/shop/configs/main",
		}},
	}
	for _, step := range steps {
		err := l.api.do(ctx, http.MethodPost, step.url, step.body, base)
		if err != nil && !strings.Contains(err.Error(), "ALREADY_EXISTS") {
			return err
		}
	}
	return nil
}

// baseline composes the environment's document from the files of the shop.
func (l *Local) baseline(ctx context.Context) ([]byte, error) {
	var documents []openapi.Document
	for _, name := range services {
		uri, err := l.serviceURI(ctx, name)
		if err != nil {
			return nil, err
		}
		content, err := fs.ReadFile(examples.Shop(), name+"/openapi.yaml")
		if err != nil {
			return nil, err
		}
		documents = append(documents, openapi.Document{
			Service: name, File: name + "/openapi.yaml", Content: content, Files: openapi.FilesFunc(shopFile),
			Backend: openapi.Backend{Address: uri, Audience: uri},
		})
	}
	composition, err := openapi.Compose(documents, openapi.Options{Title: "Shop", Security: []openapi.SecurityDefinition{{
		Name: "firebase", Issuer: "https://securetoken.google.com/" + Project,
		JWKSURI: l.Endpoints.Identity + "/.well-known/jwks.json", Audiences: []string{Project},
	}}})
	if err != nil {
		return nil, err
	}
	return composition.Render()
}

// shopFile reads a file of the shop.
func shopFile(name string) ([]byte, error) { return fs.ReadFile(examples.Shop(), name) }
