package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Limits of Cloud Run: https://cloud.google.com/run/quotas
const (
	maxRevisions = 1000
	maxTags      = 2000
)

// A serviceAt is a service of the previews' environment.
type serviceAt struct {
	service *catalog.Service
	gateway *catalog.Gateway
	ref     preview.ServiceRef
}

func services(e *exam) []subject {
	environment := e.environment()
	var all []subject
	for i := range environment.Gateways {
		g := &environment.Gateways[i]
		for n := range g.Services {
			s := &g.Services[n]
			all = append(all, subject{name: s.Name, service: serviceAt{
				service: s, gateway: g, ref: preview.ServiceRef{Project: environment.Project, Region: environment.Region, Name: s.CloudRun},
			}})
		}
	}
	return all
}

func serviceChecks() []Check {
	const group = "services"
	return []Check{
		{
			Name: "service-exists", Group: group, Asks: "whether each service is on Cloud Run", of: services, one: serviceExists,
			Remedy: "Deploy the service once from the base branch, or correct cloud_run, project or region in the configuration.",
		},
		{
			Name: "service-traffic", Group: group, Asks: "whether its traffic names revisions instead of following the latest", of: services, one: withService(serviceTraffic),
			Remedy: "gangway pin SERVICE: Gangway doesn't deploy to the service before, because a preview's revision would go live.",
		},
		{
			Name: "service-ingress", Group: group, Asks: "whether its ingress lets API Gateway in", of: services, one: withService(serviceIngress),
			Remedy: "gcloud run services update SERVICE --ingress=all. Who may call it is for its IAM policy to say.",
		},
		{
			Name: "service-invoker", Group: group, Asks: "whether the gateway's account may call it", of: services, one: withService(serviceInvoker),
			Remedy: "Name the service in services of terraform/platform and apply, or give the account roles/run.invoker on it.",
		},
		{
			Name: "service-name", Group: group, Asks: "whether a preview's tag fits beside its name (46 characters together)", of: services, one: serviceName,
			Remedy: "Deploy the service under a shorter name.",
		},
		{
			Name: "service-revisions", Group: group, Asks: "how many of 1,000 revisions it has", of: services, one: withService(serviceRevisions),
			Remedy: "Delete revisions that nobody needs: gcloud run revisions list and delete. Beyond 1,000, Cloud Run deletes the oldest that serve nothing.",
		},
		{
			Name: "service-commit", Group: group, Asks: "whether its live revision tells the commit that it was built from", of: services, one: withService(serviceCommit),
			Remedy: "Deploy the service with --labels=commit-sha=SHA (40 characters), or say in commit_label which label has it: the live document is read at that commit.",
		},
		{
			Name: "tags", Group: group, Asks: "how many of 2,000 traffic tags the project has in the region", run: tags,
			Remedy: "Take tags away that nobody needs: gcloud run services update-traffic SERVICE --remove-tags=TAG. Beyond 2,000, Cloud Run deletes the oldest.",
		},
	}
}

func serviceExists(_ context.Context, e *exam, s subject) {
	if e.world.CloudRun == nil {
		e.absent("CloudRun")
		return
	}
	look, err := e.look(s.service.ref)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no service %s in project %s, region %s", s.service.ref.Name, s.service.ref.Project, s.service.ref.Region)
	case err != nil:
		e.unread(err)
	case look.Live == "":
		e.fail("", "it has no revision that serves")
	default:
		e.ok("serves %s", look.Live)
	}
}

// withService skips a check of a service that can't be read.
func withService(check func(context.Context, *exam, serviceAt, Look)) func(context.Context, *exam, subject) {
	return func(ctx context.Context, e *exam, s subject) {
		if e.world.CloudRun == nil {
			e.absent("CloudRun")
			return
		}
		look, err := e.look(s.service.ref)
		if err != nil {
			e.skip("the service can't be read: see service-exists")
			return
		}
		check(ctx, e, s.service, look)
	}
}

func serviceTraffic(_ context.Context, e *exam, s serviceAt, look Look) {
	if look.Follows {
		e.fail("gangway pin "+s.service.Name+": Gangway doesn't deploy to the service before, because a preview's revision would go live.",
			"its traffic, or a tag, follows the latest revision")
		return
	}
	e.ok("names its revisions")
}

func serviceIngress(_ context.Context, e *exam, s serviceAt, look Look) {
	if look.Ingress != "all" {
		e.fail(fmt.Sprintf("gcloud run services update %s --ingress=all --region=%s --project=%s. Who may call it is for its IAM policy to say.",
			s.ref.Name, s.ref.Region, s.ref.Project), "its ingress is %s, and API Gateway comes from outside", look.Ingress)
		return
	}
	e.ok("all")
}

// invokerPermission is what a caller needs: https://cloud.google.com/run/docs/reference/iam/permissions
const invokerPermission = "run.routes.invoke"

// invokers are the predefined roles that are known to have it: https://cloud.google.com/run/docs/reference/iam/roles
var invokers = []string{"roles/run.invoker", "roles/run.admin", "roles/run.servicesInvoker"}

func serviceInvoker(ctx context.Context, e *exam, s serviceAt, _ Look) {
	account := s.gateway.BackendServiceAccount
	roles, err := e.world.CloudRun.Roles(ctx, s.ref)
	if err != nil {
		e.unread(err)
		return
	}
	role, unknown := e.invoker(ctx, roles, account)
	if role != "" {
		e.ok("%s has %s on it", account, role)
		return
	}
	if e.world.IAM == nil {
		e.warn("", "%s has no role on the service itself%s; what it inherits was not looked at: %s", account, unknown, e.world.Absent["IAM"])
		return
	}
	inherited, err := e.world.IAM.ProjectRoles(ctx, s.ref.Project)
	if err != nil {
		e.warn("", "%s has no role on the service itself%s; what it inherits can't be told, because the project's IAM policy can't be read", account, unknown)
		return
	}
	role, more := e.invoker(ctx, inherited, account)
	switch {
	case role != "":
		e.warn("Give it on the services only: whoever has it on the project may call every service in it.",
			"%s has %s on the whole project", account, role)
	case unknown+more != "":
		e.warn("", "%s has no role that is known to let it in%s%s", account, unknown, more)
	default:
		e.fail("", "%s has no role on the service or its project that lets it in; folders, the organisation and groups were not looked at", account)
	}
}

// invoker is the role by which an account may call; else what may be hidden in roles whose permissions can't be read.
func (e *exam) invoker(ctx context.Context, roles map[string][]string, account string) (role, unknown string) {
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		if !slices.ContainsFunc(roles[name], func(member string) bool {
			return member == "allUsers" || member == "allAuthenticatedUsers" || strings.EqualFold(member, "serviceAccount:"+account)
		}) {
			continue
		}
		if slices.Contains(invokers, name) {
			return name, ""
		}
		if e.world.IAM == nil {
			unknown += "; what " + name + " allows was not looked at"
			continue
		}
		permissions, err := e.world.IAM.RolePermissions(ctx, name)
		if err != nil {
			unknown += "; what " + name + " allows can't be read"
			continue
		}
		if slices.Contains(permissions, invokerPermission) {
			return name, ""
		}
	}
	return "", unknown
}

func serviceName(_ context.Context, e *exam, s subject) {
	tag := "pr-" + strings.Repeat("9", preview.MaxPullRequestDigits)
	if n := len(tag) + len(s.service.ref.Name); n > preview.MaxTagAndService {
		e.fail("", "%s and a tag such as %s have %d characters, and %d fit", s.service.ref.Name, tag, n, preview.MaxTagAndService)
		return
	}
	e.ok("%d of %d characters with a tag such as %s", len(tag)+len(s.service.ref.Name), preview.MaxTagAndService, tag)
}

func serviceRevisions(ctx context.Context, e *exam, s serviceAt, _ Look) {
	n, err := e.world.CloudRun.CountRevisions(ctx, s.ref)
	switch {
	case err != nil:
		e.unread(err)
	case n*10 >= maxRevisions*9: // nothing breaks: the oldest go
		e.warn("", "%d of %d revisions", n, maxRevisions)
	default:
		e.ok("%d of %d revisions", n, maxRevisions)
	}
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

func serviceCommit(ctx context.Context, e *exam, s serviceAt, look Look) {
	if look.Live == "" {
		e.skip("no revision serves")
		return
	}
	labels, err := e.world.CloudRun.Labels(ctx, s.ref, look.Live)
	label := s.service.CommitLabel
	switch value := labels[label]; {
	case err != nil:
		e.unread(err)
	case value == "":
		e.warn("", "%s has no label %s: the document of the base branch is taken for the live one", look.Live, label)
	case !commit.MatchString(value):
		e.warn("", "label %s of %s is %q, not a commit's full name: the document of the base branch is taken for the live one", label, look.Live, value)
	default:
		e.ok("%s was built from %s", look.Live, preview.ShortSHA(value))
	}
}

func tags(ctx context.Context, e *exam) {
	switch {
	case e.catalog == nil:
		e.skip("the configuration can't be read")
		return
	case e.world.CloudRun == nil:
		e.absent("CloudRun")
		return
	}
	environment := e.environment()
	looks, err := e.world.CloudRun.Looks(ctx, environment.Project, environment.Region)
	if err != nil {
		e.unread(err)
		return
	}
	n := 0
	for _, look := range looks {
		n += len(look.Tags)
	}
	e.full(n, maxTags, "traffic tags in "+environment.Region)
}
