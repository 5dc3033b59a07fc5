package cloudrun

import (
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gangway-dev/gangway/internal/preview"
)

// templateOf is the template that would make a revision like r. A revision has its template's fields under the same
// names; copying all that both have means that what Cloud Run adds later is carried over too. (healthCheckDisabled is
// the one field of a template that a revision does not show.)
func templateOf(r *runpb.Revision) *runpb.RevisionTemplate {
	template := &runpb.RevisionTemplate{}
	from, to := proto.CloneOf(r).ProtoReflect(), template.ProtoReflect()
	from.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		target := to.Descriptor().Fields().ByName(field.Name())
		if target != nil && sameType(field, target) {
			to.Set(target, value)
		}
		return true
	})
	return template
}

func sameType(a, b protoreflect.FieldDescriptor) bool {
	if a.Kind() != b.Kind() || a.Cardinality() != b.Cardinality() || a.IsMap() != b.IsMap() {
		return false
	}
	switch {
	case a.IsMap():
		return sameType(a.MapKey(), b.MapKey()) && sameType(a.MapValue(), b.MapValue())
	case a.Message() != nil:
		return a.Message().FullName() == b.Message().FullName()
	case a.Enum() != nil:
		return a.Enum().FullName() == b.Enum().FullName()
	}
	return true
}

// newTemplate is the live revision's template with what the deployment says.
func newTemplate(live *runpb.Revision, d preview.Deployment) (*runpb.RevisionTemplate, error) {
	template := templateOf(live)
	container := ingress(template.GetContainers())
	if container == nil {
		return nil, &preview.UserError{
			Summary: "The live revision of Cloud Run service " + d.Service.Name + " has no container with a port",
			Detail:  live.GetName(),
		}
	}
	template.Revision = d.Revision
	template.Labels = labels(template.GetLabels(), d.Labels)
	template.Annotations = ownNames(template.GetAnnotations())
	if d.ServiceAccount != "" {
		template.ServiceAccount = d.ServiceAccount
	}
	if template.Scaling != nil {
		template.Scaling.MinInstanceCount = 0 // a tagged revision's minimum runs, and costs, without any traffic
	}
	container.Image = d.Image
	// These describe how the live image came about.
	container.BuildInfo, container.SourceCode, container.BaseImageUri = nil, nil, ""
	for _, name := range slices.Sorted(maps.Keys(d.Env)) {
		setEnv(container, &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: d.Env[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Secrets)) {
		setEnv(container, &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
			SecretKeyRef: &runpb.SecretKeySelector{Secret: d.Secrets[name].Secret, Version: d.Secrets[name].Version},
		}}})
	}
	return template, nil
}

// ingress is the container that requests go to: the one with a port, or the only one.
func ingress(containers []*runpb.Container) *runpb.Container {
	if len(containers) == 1 {
		return containers[0]
	}
	for _, c := range containers {
		if len(c.GetPorts()) > 0 {
			return c
		}
	}
	return nil
}

func setEnv(c *runpb.Container, v *runpb.EnvVar) {
	n := slices.IndexFunc(c.GetEnv(), func(e *runpb.EnvVar) bool { return e.GetName() == v.GetName() })
	if n < 0 {
		c.Env = append(c.Env, v)
		return
	}
	c.Env[n] = v
}

// labels are the live revision's, without what Gangway said of that one, and ours.
func labels(live, ours map[string]string) map[string]string {
	all := ownNames(live)
	maps.DeleteFunc(all, func(name, _ string) bool {
		return name == preview.LabelInstallation || strings.HasPrefix(name, preview.LabelInstallation+"-")
	})
	maps.Copy(all, ours)
	return all
}

// ownNames leaves out the names that are Cloud Run's own: it shows some and refuses all.
// https://cloud.google.com/run/docs/reference/rest/v2/RevisionTemplate
func ownNames(m map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range m {
		prefix, _, _ := strings.Cut(name, "/")
		switch prefix {
		case "run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev",
			"client.knative.dev":
			continue
		}
		kept[name] = value
	}
	return kept
}
