package cloudrun

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// writable are the fields of a service that clients write, apart from traffic.
func writable(field string) bool {
	return slices.Contains([]string{
		"description", "labels", "annotations", "client", "clientVersion", "ingress", "launchStage", "binaryAuthorization",
		"template", "scaling", "invokerIamDisabled", "defaultUriDisabled", "iapEnabled", "multiRegionSettings",
		"customAudiences", "buildConfig", "threatDetectionEnabled", "sshEnabled",
	}, field)
}

// readOnly are the fields that clients may send back and that have no effect then.
func readOnly(field string) bool {
	return slices.Contains([]string{
		"name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator", "lastModifier",
		"urls", "observedGeneration", "terminalCondition", "conditions", "latestReadyRevision", "latestCreatedRevision",
		"trafficStatuses", "uri", "satisfiesPzs", "reconciling", "etag",
	}, field)
}

// merge writes body into v: the paths of the mask, or everything that clients write when there is no mask. A field that
// the mask names and the body lacks is cleared: https://google.aip.dev/134
func (v *service) merge(body object, mask []string) *apiError {
	for field := range body {
		if field != "traffic" && !writable(field) && !readOnly(field) {
			return invalid("Invalid JSON payload received. Unknown name \"%s\" at 'service': Cannot find field.", field)
		}
	}
	body, _ = withNames(body).(object)
	spec, _ := clone(v.Spec).(object)
	traffic := mask == nil
	if mask == nil {
		spec = object{}
		for field, value := range body {
			if writable(field) {
				spec[field] = value
			}
		}
	}
	for _, path := range mask {
		parts := strings.Split(googleapi.FieldName(strings.TrimSpace(path)), ".")
		switch {
		case parts[0] == "traffic":
			traffic = true
		case writable(parts[0]):
			mergePath(spec, body, parts)
		case !readOnly(parts[0]):
			return invalid("update_mask: '%s' is not a field of a service.", path)
		}
	}
	if traffic {
		targets, e := parseTraffic(list(body, "traffic"))
		if e != nil {
			return e
		}
		v.Traffic = targets
	}
	template, e := completeTemplate(child(spec, "template"), v)
	if e != nil {
		return e
	}
	spec["template"] = template
	v.Spec = spec
	return nil
}

func mergePath(into, from object, path []string) {
	if len(path) == 1 {
		if value, ok := from[path[0]]; ok {
			into[path[0]] = clone(value)
		} else {
			delete(into, path[0])
		}
		return
	}
	below := child(into, path[0])
	into[path[0]] = below
	mergePath(below, child(from, path[0]), path[1:])
}

// completeTemplate checks a template and fills in what Cloud Run does.
func completeTemplate(t object, v *service) (object, *apiError) {
	t, _ = clone(t).(object)
	containers := list(t, "containers")
	if len(containers) == 0 {
		return nil, invalid("template.containers: at least one container is required.")
	}
	ingress := 0
	for n, c := range containers {
		if text(c, "image") == "" {
			return nil, invalid("template.containers[%d].image: is required.", n)
		}
		if len(list(c, "ports")) > 0 {
			ingress++
		}
		for _, variable := range list(c, "env") {
			if name := text(variable, "name"); reserved(name) {
				return nil, invalid("spec.template.spec.containers[%d].env: The following reserved env names were provided: %s. "+
					"These values are automatically set by the system.", n, name)
			}
		}
		setDefault(c, "resources", object{
			"limits": object{"cpu": "1000m", "memory": "512Mi"}, "cpuIdle": true, "startupCpuBoost": true,
		})
	}
	if ingress > 1 || (ingress == 0 && len(containers) > 1) {
		return nil, invalid("template.containers: exactly one container must have a port, got %d.", ingress)
	}
	if ingress == 0 {
		containers[0]["ports"] = []any{object{"name": "http1", "containerPort": float64(8080)}}
	}
	name := text(t, "revision")
	if name != "" && (!revisionID.MatchString(name) || !strings.HasPrefix(name, v.ID+"-")) {
		return nil, invalid("template.revision: '%s' must be prefixed by '%s-', consist of lower case letters, digits and '-', "+
			"not end with '-' and be shorter than 64 characters.", name, v.ID)
	}
	nameEnums(t)
	setDefault(t, "timeout", "300s")
	setDefault(t, "maxInstanceRequestConcurrency", float64(80))
	setDefault(t, "serviceAccount", googleapi.ComputeAccount(v.Project))
	return t, nil
}

// sameTemplate tells whether two templates make the same revision. What a client leaves out and what it sends empty is the
// same to Cloud Run, and so are the name and the number of an enum's value.
func sameTemplate(a, b any) bool { return sameJSON(normal(a), normal(b)) }

// enumNames are the names of the values of a template's enums, in the order of their numbers.
var enumNames = map[string][]string{
	"executionEnvironment": {"EXECUTION_ENVIRONMENT_UNSPECIFIED", "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"},
	"egress":               {"VPC_EGRESS_UNSPECIFIED", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"},
	"medium":               {"MEDIUM_UNSPECIFIED", "MEMORY", "DISK"},
	"encryptionKeyRevocationAction": {
		"ENCRYPTION_KEY_REVOCATION_ACTION_UNSPECIFIED", "PREVENT_NEW", "SHUTDOWN",
	},
}

// nameEnums writes the enums of a template by their names, as the API answers them.
func nameEnums(v any) {
	switch v := v.(type) {
	case object:
		for key, value := range v {
			if n, ok := value.(float64); ok && int(n) < len(enumNames[key]) {
				v[key] = enumNames[key][int(n)]
			}
			nameEnums(value)
		}
	case []any:
		for _, value := range v {
			nameEnums(value)
		}
	}
}

// reserved are the variables of the runtime contract: https://cloud.google.com/run/docs/container-contract#env-vars
func reserved(variable string) bool {
	return slices.Contains([]string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}, variable)
}

func setDefault(o object, key string, value any) {
	if current, ok := o[key]; !ok || current == "" || current == float64(0) {
		o[key] = value
	}
}

// plan finds out whether the write from before to v makes a new revision. s.mu is held.
func (s *Server) plan(v *service, before object) (*revision, *apiError) {
	template := child(v.Spec, "template")
	if v.LatestCreated != "" && sameTemplate(template, before["template"]) {
		return nil, nil
	}
	content := maps.Clone(template)
	delete(content, "revision")
	name := text(template, "revision")
	if existing := s.state.Revisions[v.revisionName(name)]; name != "" && existing != nil {
		if !sameTemplate(existing.Template, content) {
			return nil, differentConfiguration(name)
		}
		v.LatestCreated = name // what a name was made of once is that revision again
		return nil, nil
	}
	if name == "" {
		name = nextRevision(v)
	}
	return &revision{
		Project: v.Project, Location: v.Location, Service: v.ID, Name: name, UID: uuid.NewString(), Template: content,
		Digests: map[string]string{}, Created: time.Now().UTC(), Number: v.Numbered + 1, State: statePending,
	}, nil
}
