package cloudrun

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

const knativeVersion = "serving.knative.dev/v1"

// An annotation is how the API v1 says what has a field in v2. Both ways are here, so that they agree.
type annotation struct {
	name  string
	field []string           // path in v2
	show  func(v any) string // v2 to v1
	read  func(s string) any // v1 to v2
}

func asText(v any) string   { s, _ := v.(string); return s }
func asBool(v any) string   { return strconv.FormatBool(v == true) }
func readText(s string) any { return s }
func readBool(s string) any { return s == "true" }

func readNumber(s string) any {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return n
}

// enum is an annotation's word for an enum of v2: the prefix goes, the rest is lower case with dashes.
func enum(prefix string) (show func(any) string, read func(string) any) {
	show = func(v any) string {
		return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(asText(v), prefix)), "_", "-")
	}
	read = func(s string) any { return prefix + strings.ReplaceAll(strings.ToUpper(s), "-", "_") }
	return show, read
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

func readJSON(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}

// templateAnnotations: https://cloud.google.com/run/docs/reference/rest/v1/RevisionTemplate
func templateAnnotations() []annotation {
	showEnvironment, readEnvironment := enum("EXECUTION_ENVIRONMENT_")
	showEgress, readEgress := enum("")
	return []annotation{
		{"autoscaling.knative.dev/minScale", []string{"scaling", "minInstanceCount"}, number32, readNumber},
		{"autoscaling.knative.dev/maxScale", []string{"scaling", "maxInstanceCount"}, number32, readNumber},
		{"run.googleapis.com/execution-environment", []string{"executionEnvironment"}, showEnvironment, readEnvironment},
		{"run.googleapis.com/vpc-access-connector", []string{"vpcAccess", "connector"}, asText, readText},
		{"run.googleapis.com/vpc-access-egress", []string{"vpcAccess", "egress"}, showEgress, readEgress},
		{"run.googleapis.com/network-interfaces", []string{"vpcAccess", "networkInterfaces"}, jsonText, readJSON},
		{"run.googleapis.com/encryption-key", []string{"encryptionKey"}, asText, readText},
		{"run.googleapis.com/sessionAffinity", []string{"sessionAffinity"}, asBool, readBool},
		{"run.googleapis.com/health-check-disabled", []string{"healthCheckDisabled"}, asBool, readBool},
		{"run.googleapis.com/client-name", []string{"client"}, asText, readText},
		{"run.googleapis.com/client-version", []string{"clientVersion"}, asText, readText},
	}
}

// serviceAnnotations: https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services
func serviceAnnotations() []annotation {
	showIngress, readIngress := enum("INGRESS_TRAFFIC_")
	showIngress, readIngress = ingressWords(showIngress, readIngress)
	return []annotation{
		{"run.googleapis.com/ingress", []string{"ingress"}, showIngress, readIngress},
		{"run.googleapis.com/launch-stage", []string{"launchStage"}, asText, readText},
		{"run.googleapis.com/description", []string{"description"}, asText, readText},
		{"run.googleapis.com/client-name", []string{"client"}, asText, readText},
		{"run.googleapis.com/client-version", []string{"clientVersion"}, asText, readText},
		{"run.googleapis.com/custom-audiences", []string{"customAudiences"}, jsonText, readJSON},
		{"run.googleapis.com/invoker-iam-disabled", []string{"invokerIamDisabled"}, asBool, readBool},
		{"run.googleapis.com/default-url-disabled", []string{"defaultUriDisabled"}, asBool, readBool},
		{"run.googleapis.com/iap-enabled", []string{"iapEnabled"}, asBool, readBool},
		{"run.googleapis.com/minScale", []string{"scaling", "minInstanceCount"}, number32, readNumber},
		{"run.googleapis.com/maxScale", []string{"scaling", "maxInstanceCount"}, number32, readNumber},
	}
}

// ingressWords: v1 has all, internal and internal-and-cloud-load-balancing, v2 says ONLY and LOAD_BALANCER.
func ingressWords(show func(any) string, read func(string) any) (func(any) string, func(string) any) {
	words := [][2]string{{"internal", "INGRESS_TRAFFIC_INTERNAL_ONLY"}, {"internal-and-cloud-load-balancing", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"}}
	return func(v any) string {
			for _, w := range words {
				if v == w[1] {
					return w[0]
				}
			}
			return show(v)
		}, func(s string) any {
			for _, w := range words {
				if s == w[0] {
					return w[1]
				}
			}
			return read(s)
		}
}

// annotate adds what the fields of o say as annotations.
func annotate(into, o object, list []annotation) {
	for _, a := range list {
		below := o
		for _, part := range a.field[:len(a.field)-1] {
			below = child(below, part)
		}
		if v, ok := below[a.field[len(a.field)-1]]; ok && v != nil {
			into[a.name] = a.show(v)
		}
	}
}

// copyOf is a new object with the entries of o's object under key.
func copyOf(o object, key string) object {
	c, _ := clone(child(o, key)).(object)
	return c
}

// showService is a service in the words of v1. s.mu is held.
func (s *Server) showService(v *service) object {
	port := s.options.EdgePort()
	labels := copyOf(v.Spec, "labels")
	labels["cloud.googleapis.com/location"] = v.Location
	annotations := copyOf(v.Spec, "annotations")
	annotate(annotations, v.Spec, serviceAnnotations())
	if _, ok := annotations["run.googleapis.com/ingress"]; !ok {
		annotations["run.googleapis.com/ingress"] = "all"
	}
	annotations["run.googleapis.com/ingress-status"] = annotations["run.googleapis.com/ingress"]
	annotations["serving.knative.dev/creator"] = "emulator@example.com"
	annotations["serving.knative.dev/lastModifier"] = "emulator@example.com"
	number := googleapi.ProjectNumber(v.Project)
	status := object{
		"observedGeneration": v.Observed, "conditions": serviceConditions(v),
		"traffic": showTargets(v.Statuses, v, func(tag string) string { return v.url(tag, port) }),
	}
	if v.LatestCreated != "" {
		status["latestCreatedRevisionName"] = v.LatestCreated
	}
	if v.LatestReady != "" {
		status["latestReadyRevisionName"] = v.LatestReady
		status["url"], status["address"] = v.url("", port), object{"url": v.url("", port)}
		annotations["run.googleapis.com/urls"] = jsonText([]string{v.url("", port)})
	}
	return object{
		"apiVersion": knativeVersion, "kind": "Service",
		"metadata": object{
			"name": v.ID, "namespace": number, "uid": v.UID, "generation": v.Generation, "resourceVersion": v.resourceVersion(),
			"selfLink":          "/apis/serving.knative.dev/v1/namespaces/" + number + "/services/" + v.ID,
			"creationTimestamp": stamp(v.Created), "labels": labels, "annotations": annotations,
		},
		"spec": object{
			"template": showTemplate(child(v.Spec, "template")),
			"traffic":  showTargets(v.Traffic, nil, nil),
		},
		"status": status,
	}
}

// serviceConditions are those that gcloud waits for.
func serviceConditions(v *service) []any {
	var all []any
	for _, kind := range []string{"Ready", "ConfigurationsReady", "RoutesReady"} {
		c := object{"type": kind, "status": conditionStatus(v.State), "lastTransitionTime": stamp(v.Transition)}
		if v.Observed < v.Generation {
			c["status"] = "Unknown"
		}
		if v.Message != "" {
			c["message"] = v.Message
		}
		if v.State == stateFailed {
			c["reason"] = "RevisionFailed"
		}
		all = append(all, c)
	}
	return all
}

func conditionStatus(state string) string {
	switch state {
	case stateSucceeded:
		return "True"
	case stateFailed:
		return "False"
	default:
		return "Unknown"
	}
}

// showTargets are entries of a traffic list; with v they are those in force, where the revision is always named.
func showTargets(targets []target, v *service, url func(tag string) string) []any {
	shown := make([]any, 0, len(targets))
	for _, t := range targets {
		o := object{}
		if t.Revision != "" {
			o["revisionName"] = t.Revision
		}
		if t.Type == typeLatest {
			o["latestRevision"] = true
		}
		if t.Percent != 0 {
			o["percent"] = t.Percent
		}
		if t.Tag != "" {
			o["tag"] = t.Tag
			if v != nil {
				o["url"] = url(t.Tag)
			}
		}
		shown = append(shown, o)
	}
	return shown
}

// showTemplate is a template in the words of v1.
func showTemplate(t object) object {
	metadata := object{"labels": copyOf(t, "labels"), "annotations": templateAnnotationsOf(t)}
	if name := text(t, "revision"); name != "" {
		metadata["name"] = name
	}
	return object{"metadata": metadata, "spec": showSpec(t)}
}

func templateAnnotationsOf(t object) object {
	annotations := copyOf(t, "annotations")
	annotate(annotations, t, templateAnnotations())
	dependencies := object{}
	for _, c := range list(t, "containers") {
		resources := child(c, "resources")
		if ports := list(c, "ports"); len(ports) > 0 || len(list(t, "containers")) == 1 {
			if idle, ok := resources["cpuIdle"]; ok {
				annotations["run.googleapis.com/cpu-throttling"] = asBool(idle)
			}
			if boost, ok := resources["startupCpuBoost"]; ok {
				annotations["run.googleapis.com/startup-cpu-boost"] = asBool(boost)
			}
		}
		if on, ok := c["dependsOn"]; ok {
			dependencies[text(c, "name")] = on
		}
	}
	if len(dependencies) > 0 {
		annotations["run.googleapis.com/container-dependencies"] = jsonText(dependencies)
	}
	return annotations
}

// showSpec is what of a template, or of a revision, stands in v1's spec.
func showSpec(t object) object {
	spec := object{}
	if n, ok := t["maxInstanceRequestConcurrency"]; ok {
		spec["containerConcurrency"] = number(n)
	}
	if d := duration(t["timeout"]); d > 0 {
		spec["timeoutSeconds"] = int(d.Seconds())
	}
	if account := text(t, "serviceAccount"); account != "" {
		spec["serviceAccountName"] = account
	}
	var containers, volumes []any
	for _, c := range list(t, "containers") {
		containers = append(containers, showContainer(c))
	}
	for _, v := range list(t, "volumes") {
		volumes = append(volumes, showVolume(v))
	}
	spec["containers"] = containers
	if len(volumes) > 0 {
		spec["volumes"] = volumes
	}
	return spec
}

func showContainer(c object) object {
	shown := object{}
	for _, key := range []string{"name", "image", "command", "args", "ports", "startupProbe", "livenessProbe", "volumeMounts", "workingDir"} {
		if v, ok := c[key]; ok {
			shown[key] = clone(v)
		}
	}
	if limits := child(child(c, "resources"), "limits"); len(limits) > 0 {
		shown["resources"] = object{"limits": clone(limits)}
	}
	var env []any
	for _, e := range list(c, "env") {
		variable := object{"name": text(e, "name")}
		if ref := child(child(e, "valueSource"), "secretKeyRef"); len(ref) > 0 {
			variable["valueFrom"] = object{"secretKeyRef": object{
				"name": path.Base(text(ref, "secret")), "key": cmp.Or(text(ref, "version"), "latest"),
			}}
		} else if value := text(e, "value"); value != "" {
			variable["value"] = value
		}
		env = append(env, variable)
	}
	if len(env) > 0 {
		shown["env"] = env
	}
	return shown
}

func showVolume(v object) object {
	shown := object{"name": text(v, "name")}
	if dir, ok := v["emptyDir"].(object); ok {
		volume := object{}
		if limit := text(dir, "sizeLimit"); limit != "" {
			volume["sizeLimit"] = limit
		}
		if medium := dir["medium"]; medium == "MEMORY" {
			volume["medium"] = "Memory"
		}
		shown["emptyDir"] = volume
	}
	if secret, ok := v["secret"].(object); ok {
		volume := object{"secretName": path.Base(text(secret, "secret"))}
		var items []any
		for _, item := range list(secret, "items") {
			items = append(items, object{"key": cmp.Or(text(item, "version"), "latest"), "path": text(item, "path")})
		}
		volume["items"] = items
		shown["secret"] = volume
	}
	return shown
}

// showRevision is a revision in the words of v1. s.mu is held.
func (s *Server) showRevision(r *revision, host string) object {
	labels := copyOf(r.Template, "labels")
	labels["serving.knative.dev/service"] = r.Service
	labels["serving.knative.dev/configuration"] = r.Service
	labels["serving.knative.dev/configurationGeneration"] = strconv.Itoa(r.Number)
	labels["cloud.googleapis.com/location"] = r.Location
	annotations := templateAnnotationsOf(r.Template)
	annotations["serving.knative.dev/creator"] = "emulator@example.com"
	number := googleapi.ProjectNumber(r.Project)
	active := "False"
	if v := s.state.Services[r.serviceName()]; v != nil && r.State == stateSucceeded && v.names(r.Name) {
		active = "True"
	}
	var conditions []any
	for _, kind := range []string{"Ready", "ContainerHealthy", "ResourcesAvailable"} {
		c := object{"type": kind, "status": conditionStatus(r.State), "lastTransitionTime": stamp(r.Created)}
		if !r.Decided.IsZero() {
			c["lastTransitionTime"] = stamp(r.Decided)
		}
		if r.Message != "" {
			c["message"], c["reason"] = r.Message, knativeReason(r.Reason)
		}
		conditions = append(conditions, c)
	}
	conditions = append(conditions, object{
		"type": "Active", "status": active, "severity": "Info", "lastTransitionTime": stamp(r.Created),
	})
	status := object{
		"conditions": conditions, "observedGeneration": 1,
		"logUrl": "http://" + host + "/emulator/logs/" + r.Project + "/" + r.Location + "/" + r.Name,
	}
	if digests := slices.Sorted(values(r.Digests)); len(digests) > 0 {
		status["imageDigest"] = digests[0]
	}
	return object{
		"apiVersion": knativeVersion, "kind": "Revision",
		"metadata": object{
			"name": r.Name, "namespace": number, "uid": r.UID, "generation": 1, "resourceVersion": r.UID[:8],
			"selfLink":          "/apis/serving.knative.dev/v1/namespaces/" + number + "/revisions/" + r.Name,
			"creationTimestamp": stamp(r.Created), "labels": labels, "annotations": annotations,
		},
		"spec": showSpec(r.Template), "status": status,
	}
}

// knativeReason writes HEALTH_CHECK_CONTAINER_ERROR as HealthCheckContainerError.
func knativeReason(reason string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(reason), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
