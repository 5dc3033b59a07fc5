package cloudrun

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// readService is the service that a v1 client writes, in the words of v2. before is what is stored; of its template is
// kept what v1 has no words for, and all of it when the body has none.
func readService(body, before object) (object, *apiError) {
	metadata, spec := child(body, "metadata"), child(body, "spec")
	o := object{}
	if labels := without(copyOf(metadata, "labels"), "cloud.googleapis.com/location"); len(labels) > 0 {
		o["labels"] = labels
	}
	annotations := copyOf(metadata, "annotations")
	for _, output := range []string{
		"run.googleapis.com/ingress-status", "run.googleapis.com/urls", "run.googleapis.com/operation-id",
		"serving.knative.dev/creator", "serving.knative.dev/lastModifier",
	} {
		delete(annotations, output)
	}
	if e := readAnnotations(o, annotations, serviceAnnotations()); e != nil {
		return nil, e
	}
	if len(annotations) > 0 {
		o["annotations"] = annotations
	}
	template := child(before, "template")
	if written, ok := spec["template"].(object); ok {
		var e *apiError
		if template, e = readTemplate(written, template); e != nil {
			return nil, e
		}
	}
	o["template"] = template
	var traffic []any
	for _, t := range list(spec, "traffic") {
		traffic = append(traffic, readTarget(t))
	}
	o["traffic"] = traffic
	return o, nil
}

func readTarget(t object) object {
	o := object{"type": typeRevision}
	if t["latestRevision"] == true {
		o["type"] = typeLatest
	} else {
		o["revision"] = text(t, "revisionName")
	}
	if percent := number(t["percent"]); percent != 0 {
		o["percent"] = float64(percent)
	}
	if tag := text(t, "tag"); tag != "" {
		o["tag"] = tag
	}
	return o
}

// readAnnotations moves the annotations that have a field in v2 to it. One of Cloud Run's own that is not known here is
// refused, so that nothing is lost in silence.
func readAnnotations(into, annotations object, known []annotation) *apiError {
	for _, a := range known {
		value, ok := annotations[a.name].(string)
		if !ok {
			continue
		}
		delete(annotations, a.name)
		below := into
		for _, part := range a.field[:len(a.field)-1] {
			next := child(below, part)
			below[part] = next
			below = next
		}
		below[a.field[len(a.field)-1]] = a.read(value)
	}
	for name := range annotations {
		if prefix, _, _ := strings.Cut(name, "/"); prefix == "run.googleapis.com" || prefix == "autoscaling.knative.dev" {
			return invalid("the emulated Cloud Run does not know the annotation '%s'.", name)
		}
	}
	return nil
}

// readTemplate is a template that a v1 client writes.
func readTemplate(t, before object) (object, *apiError) {
	metadata, spec := child(t, "metadata"), child(t, "spec")
	o := object{}
	for _, kept := range []string{"nodeSelector", "serviceMesh", "encryptionKeyRevocationAction", "encryptionKeyShutdownDuration", "gpuZonalRedundancyDisabled", "workloadIdentityConfig"} {
		if v, ok := before[kept]; ok {
			o[kept] = v // v1 says these in places that this view doesn't have
		}
	}
	if name := text(metadata, "name"); name != "" {
		o["revision"] = name
	}
	if labels := without(copyOf(metadata, "labels"), "run.googleapis.com/startupProbeType"); len(labels) > 0 {
		o["labels"] = labels
	}
	annotations := copyOf(metadata, "annotations")
	resources := map[string]any{}
	for name, field := range map[string]string{"cpu-throttling": "cpuIdle", "startup-cpu-boost": "startupCpuBoost"} {
		if v, ok := annotations["run.googleapis.com/"+name]; ok {
			resources[field] = v == "true"
			delete(annotations, "run.googleapis.com/"+name)
		}
	}
	dependencies, _ := readJSON(text(annotations, "run.googleapis.com/container-dependencies")).(object)
	delete(annotations, "run.googleapis.com/container-dependencies")
	if e := readAnnotations(o, annotations, templateAnnotations()); e != nil {
		return nil, e
	}
	if len(annotations) > 0 {
		o["annotations"] = annotations
	}
	return o, readSpec(o, spec, resources, dependencies)
}

// readSpec reads the spec of a template into o.
func readSpec(o, spec, resources, dependencies object) *apiError {
	if n := number(spec["containerConcurrency"]); n > 0 {
		o["maxInstanceRequestConcurrency"] = float64(n)
	}
	if n := number(spec["timeoutSeconds"]); n > 0 {
		o["timeout"] = fmt.Sprintf("%ds", n)
	}
	if account := text(spec, "serviceAccountName"); account != "" {
		o["serviceAccount"] = account
	}
	var containers, volumes []any
	all := list(spec, "containers")
	for _, c := range all {
		read, e := readContainer(c)
		if e != nil {
			return e
		}
		if len(list(c, "ports")) > 0 || len(all) == 1 {
			maps.Copy(subobject(read, "resources"), resources)
		}
		if on, ok := dependencies[text(c, "name")]; ok {
			read["dependsOn"] = on
		}
		containers = append(containers, read)
	}
	o["containers"] = containers
	for _, v := range list(spec, "volumes") {
		read, e := readVolume(v)
		if e != nil {
			return e
		}
		volumes = append(volumes, read)
	}
	if len(volumes) > 0 {
		o["volumes"] = volumes
	}
	return nil
}

func readContainer(c object) (object, *apiError) {
	o := object{}
	for key, v := range c {
		switch key {
		case "name", "image", "command", "args", "ports", "volumeMounts", "workingDir", "startupProbe", "livenessProbe":
			if v != "" {
				o[key] = clone(v)
			}
		case "resources":
			if limits := child(c, "resources")["limits"]; limits != nil {
				o["resources"] = object{"limits": clone(limits)}
			}
		case "env":
			o["env"] = readEnv(list(c, "env"))
		default:
			return nil, invalid("the emulated Cloud Run does not know the container's field '%s'.", key)
		}
	}
	return o, nil
}

func readEnv(all []object) []any {
	read := []any{}
	for _, e := range all {
		variable := object{"name": text(e, "name")}
		if ref := child(child(e, "valueFrom"), "secretKeyRef"); len(ref) > 0 {
			variable["valueSource"] = object{"secretKeyRef": object{"secret": text(ref, "name"), "version": text(ref, "key")}}
		} else if value := text(e, "value"); value != "" {
			variable["value"] = value
		}
		read = append(read, variable)
	}
	return read
}

func readVolume(v object) (object, *apiError) {
	o := object{"name": text(v, "name")}
	for key := range v {
		switch key {
		case "name":
		case "emptyDir":
			dir := object{}
			if limit := text(child(v, key), "sizeLimit"); limit != "" {
				dir["sizeLimit"] = limit
			}
			if text(child(v, key), "medium") == "Memory" {
				dir["medium"] = "MEMORY"
			}
			o[key] = dir
		case "secret":
			secret := object{"secret": text(child(v, key), "secretName")}
			var items []any
			for _, item := range list(child(v, key), "items") {
				items = append(items, object{"version": text(item, "key"), "path": text(item, "path")})
			}
			secret["items"] = items
			o[key] = secret
		default:
			return nil, invalid("the emulated Cloud Run does not know volumes of the kind '%s'.", key)
		}
	}
	return o, nil
}

// normal is a JSON value without what is empty: clients leave such fields out, or don't.
func normal(v any) any {
	switch v := v.(type) {
	case object:
		o := object{}
		for key, value := range v {
			if n := normal(value); n != nil {
				o[key] = n
			}
		}
		if len(o) == 0 {
			return nil
		}
		return o
	case []any:
		var all []any
		for _, value := range v {
			all = append(all, normal(value))
		}
		if len(all) == 0 {
			return nil
		}
		return all
	case int:
		return normal(float64(v))
	case int64:
		return normal(float64(v))
	}
	if v == "" || v == false || v == float64(0) {
		return nil
	}
	return v
}

// subobject is the object under key, which is made if need be.
func subobject(o object, key string) object {
	c, ok := o[key].(object)
	if !ok {
		c = object{}
		o[key] = c
	}
	return c
}

func without(o object, names ...string) object {
	maps.DeleteFunc(o, func(name string, _ any) bool { return slices.Contains(names, name) })
	return o
}

func values(m map[string]string) iter.Seq[string] { return maps.Values(m) }
