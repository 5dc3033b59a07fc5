package cloudrun

import (
	"maps"
	"strconv"
	"time"
)

// renderService is a service as the API shows it. s.mu is held.
func (s *Server) renderService(v *service, _ string) object {
	o := maps.Clone(v.Spec)
	port := s.options.EdgePort()
	o["name"], o["uid"], o["etag"] = v.name(), v.UID, v.etag()
	o["generation"] = strconv.FormatInt(v.Generation, 10)
	o["observedGeneration"] = strconv.FormatInt(v.Observed, 10)
	o["createTime"], o["updateTime"] = stamp(v.Created), stamp(v.Updated)
	o["creator"], o["lastModifier"] = "emulator@example.com", "emulator@example.com"
	o["reconciling"] = v.Observed < v.Generation
	o["traffic"] = renderTargets(v.Traffic, nil)
	o["trafficStatuses"] = renderTargets(v.Statuses, func(tag string) string { return v.url(tag, port) })
	if v.LatestCreated != "" {
		o["latestCreatedRevision"] = v.revisionName(v.LatestCreated)
	}
	if v.LatestReady != "" {
		o["latestReadyRevision"] = v.revisionName(v.LatestReady)
		o["uri"], o["urls"] = v.url("", port), []any{v.url("", port)}
	}
	ready := condition("Ready", v.State, v.Message, v.Transition)
	o["terminalCondition"] = ready
	o["conditions"] = []any{
		condition("RoutesReady", v.State, v.Message, v.Transition),
		condition("ConfigurationsReady", v.State, v.Message, v.Transition),
	}
	if _, ok := o["ingress"]; !ok {
		o["ingress"] = "INGRESS_TRAFFIC_ALL"
	}
	if _, ok := o["launchStage"]; !ok {
		o["launchStage"] = "GA"
	}
	return o
}

func renderTargets(targets []target, url func(tag string) string) []any {
	rendered := make([]any, 0, len(targets))
	for _, t := range targets {
		o := object{"type": t.Type}
		if t.Revision != "" {
			o["revision"] = t.Revision
		}
		if t.Percent != 0 {
			o["percent"] = t.Percent
		}
		if t.Tag != "" {
			o["tag"] = t.Tag
			if url != nil {
				o["uri"] = url(t.Tag)
			}
		}
		rendered = append(rendered, o)
	}
	return rendered
}

// renderRevision is a revision as the API shows it: the template's fields are the revision's own.
func (s *Server) renderRevision(r *revision, host string) object {
	o := maps.Clone(r.Template)
	delete(o, "healthCheckDisabled") // not a field of a revision
	o["name"], o["uid"], o["service"] = r.resource(), r.UID, r.Service
	o["generation"] = "1"
	o["createTime"], o["updateTime"] = stamp(r.Created), stamp(r.Created)
	o["etag"] = strconv.Quote(r.UID[:8] + "-" + r.State)
	o["launchStage"] = "GA"
	o["logUri"] = "http://" + host + "/emulator/logs/" + r.Project + "/" + r.Location + "/" + r.Name
	o["reconciling"] = r.State == statePending
	if r.State != statePending {
		o["observedGeneration"] = "1"
	}
	ready := condition("Ready", r.State, r.Message, r.Decided)
	healthy := condition("ContainerHealthy", r.State, r.Message, r.Decided)
	if r.State == stateFailed {
		for _, c := range []object{ready, healthy} {
			field := "revisionReason"
			if isCommonReason(r.Reason) {
				field = "reason"
			}
			c[field] = r.Reason
		}
	}
	o["conditions"] = []any{ready, healthy}
	return o
}

func condition(kind, state, message string, since time.Time) object {
	c := object{"type": kind, "state": state}
	if message != "" {
		c["message"] = message
	}
	if !since.IsZero() {
		c["lastTransitionTime"] = stamp(since)
	}
	if state == stateFailed {
		c["severity"] = "ERROR"
	}
	return c
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// isCommonReason tells a condition's CommonReason from a RevisionReason: https://cloud.google.com/run/docs/reference/rest/v2/Condition
func isCommonReason(reason string) bool {
	return reason == "CONTAINER_MISSING" || reason == "SECRETS_ACCESS_CHECK_FAILED"
}
