package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// facts reads everything.
func (r *reader) facts(ctx context.Context) (*facts, error) {
	f := &facts{texts: map[string]string{}, unhealthy: map[string]string{}}
	for _, read := range []func(context.Context, *facts) error{
		r.readGitHub, r.readAPIGateway, r.readCloudRun, r.readUnchanged, r.readCloudBuild, r.readFiles, r.readHealth,
	} {
		if err := read(ctx, f); err != nil {
			return nil, fmt.Errorf("looking at the world: %w", err)
		}
	}
	return f, nil
}

func (r *reader) readGitHub(ctx context.Context, f *facts) (err error) {
	if r.w.GitHub == "" {
		return nil
	}
	r.w.GitHub = strings.TrimSuffix(r.w.GitHub, "/")
	f.pulls, err = r.pulls(ctx)
	return err
}

func (r *reader) readAPIGateway(ctx context.Context, f *facts) (err error) {
	if r.w.APIGateway == "" {
		return nil
	}
	base := strings.TrimSuffix(r.w.APIGateway, "/")
	project := base + "/v1/projects/" + r.w.Project + "/locations/"
	if f.gateways, err = googlePages[gateway](ctx, r, project+r.w.Region+"/gateways", "gateways"); err != nil {
		return err
	}
	apis, err := googlePages[struct {
		Name string `json:"name"`
	}](ctx, r, project+"global/apis", "apis")
	if err != nil {
		return err
	}
	for _, api := range apis {
		configs, err := googlePages[apiConfig](ctx, r, base+"/v1/"+api.Name+"/configs", "apiConfigs")
		if err != nil {
			return err
		}
		for _, c := range configs {
			// Lists don't hold the documents.
			_, err := r.get(ctx, base+"/v1/"+c.Name+"?view=FULL", "local", &c)
			if errors.Is(err, errAbsent) { // deleted in between
				continue
			}
			if err != nil {
				return err
			}
			f.configs = append(f.configs, c)
		}
	}
	for _, location := range []string{"global", r.w.Region} {
		operations, err := googlePages[operation](ctx, r, project+location+"/operations", "operations")
		if err != nil {
			return err
		}
		f.operations = append(f.operations, operations...)
	}
	return r.readBreaches(ctx, f)
}

// readBreaches reads what the emulated API Gateway says that its clients did and must not; the real one says nothing.
func (r *reader) readBreaches(ctx context.Context, f *facts) error {
	if r.w.IgnoreAPIViolations {
		return nil
	}
	var answer struct {
		Violations []breach `json:"violations"`
	}
	_, err := r.get(ctx, strings.TrimSuffix(r.w.APIGateway, "/")+"/emulator/apigateway/violations", "", &answer)
	if err != nil && !errors.Is(err, errAbsent) {
		return err
	}
	f.breaches = answer.Violations
	return nil
}

func (r *reader) readCloudRun(ctx context.Context, f *facts) (err error) {
	if r.w.CloudRun == "" {
		return nil
	}
	base := strings.TrimSuffix(r.w.CloudRun, "/")
	parent := base + "/v2/projects/" + r.w.Project + "/locations/" + r.w.Region
	if f.services, err = googlePages[runService](ctx, r, parent+"/services", "services"); err != nil {
		return err
	}
	for _, s := range f.services {
		revisions, err := googlePages[revision](ctx, r, base+"/v2/"+s.Name+"/revisions", "revisions")
		if err != nil {
			return err
		}
		f.revisions = append(f.revisions, revisions...)
	}
	f.environment = traffic(f.services)
	var answer struct {
		Processes []process `json:"processes"`
	}
	if _, err := r.get(ctx, base+"/emulator/processes", "", &answer); err != nil && !errors.Is(err, errAbsent) {
		return err
	}
	f.processes = answer.Processes
	return nil
}

func (r *reader) readCloudBuild(ctx context.Context, f *facts) (err error) {
	if r.w.CloudBuild == "" {
		return nil
	}
	address := fmt.Sprintf("%s/v1/projects/%s/locations/%s/builds",
		strings.TrimSuffix(r.w.CloudBuild, "/"), r.w.Project, r.w.Region)
	f.builds, err = googlePages[build](ctx, r, address, "builds")
	return err
}

func (r *reader) readHealth(ctx context.Context, f *facts) error {
	for _, address := range r.w.Health {
		if said := r.follow(ctx, address); said != "" {
			f.unhealthy[address] = said
		}
	}
	return nil
}

// Traffic is what previews must leave alone: for each Cloud Run service, by its full name, the percentages by revision
// and the tags that are not a preview's.
type Traffic map[string]ServiceTraffic

// ServiceTraffic is a service's part of [Traffic].
type ServiceTraffic struct {
	Percent map[string]int    // revision, or "LATEST" → percent
	Tags    map[string]string // foreign tag → revision, or "LATEST"
}

// ReadTraffic reads what is to be left alone, before anything happens.
func ReadTraffic(ctx context.Context, w World) (Traffic, error) {
	r, err := newReader(w)
	if err != nil {
		return nil, err
	}
	f := &facts{}
	if err := r.readCloudRun(ctx, f); err != nil {
		return nil, fmt.Errorf("looking at Cloud Run: %w", err)
	}
	return f.environment, nil
}

func traffic(services []runService) Traffic {
	all := Traffic{}
	for _, s := range services {
		one := ServiceTraffic{Percent: map[string]int{}, Tags: map[string]string{}}
		for _, t := range s.Traffic {
			to := t.Revision
			if to == "" {
				to = "LATEST"
			}
			if t.Percent > 0 {
				one.Percent[short(to)] += t.Percent
			}
			if t.Tag != "" && !previewTag.MatchString(t.Tag) {
				one.Tags[t.Tag] = short(to)
			}
		}
		all[s.Name] = one
	}
	return all
}

// revisionOf is the revision by its short name.
func (f *facts) revisionOf(name string) (revision, bool) {
	n := slices.IndexFunc(f.revisions, func(r revision) bool { return short(r.Name) == short(name) })
	if n < 0 {
		return revision{}, false
	}
	return f.revisions[n], true
}
