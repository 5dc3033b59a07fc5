package apigateway

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

func (s *Server) createConfig(c *call) (any, *status) {
	id, no := c.newID("apiConfigId", 63)
	if no != nil {
		return nil, no
	}
	config := &apiConfig{}
	if no := c.decode(config); no != nil {
		return nil, no
	}
	if no := c.mayActAs(config); no != nil {
		return nil, no
	}
	if no := s.checkNewConfig(c, config, c.name+"/"+id); no != nil {
		return nil, no
	}
	name := c.name + "/" + id
	if err := disk.Save(s.documentPath(name), config.OpenAPIDocuments); err != nil {
		return nil, failf(codeInternal, "Internal error encountered: %s", err)
	}
	config.OpenAPIDocuments = nil
	op := s.start(c, "create", name, s.settings.Latency.Config)
	if d := s.settings.Latency.Activating; d > 0 {
		op.Activating = op.Due.Add(-d)
	}
	s.meetHazard(c, op)
	s.describe(&config.common, name, op)
	s.state.Configs[name] = config
	return s.render(c.version, op), nil
}

func (s *Server) checkNewConfig(c *call, config *apiConfig, name string) *status {
	parent := s.state.APIs[c.parent]
	switch {
	case parent == nil:
		return errNotFound(c.parent)
	case parent.State != stateActive:
		return failf(codeFailedPrecondition, "API '%s' is in state %s.", c.parent, parent.State)
	case s.state.Configs[name] != nil:
		return errExists(name)
	case count(c.name+"/", s.state.Configs) >= s.settings.Quotas.ConfigsPerAPI:
		return errQuota(c.project, "apigateway.googleapis.com/api_configs", "ApiConfigsPerApi",
			s.settings.Quotas.ConfigsPerAPI, global)
	}
	if no := checkLabels(config.Labels); no != nil {
		return no
	}
	return checkDocuments(config)
}

// meetHazard is the rule of one config creation at a time per API.
func (s *Server) meetHazard(c *call, op *operation) {
	for _, name := range slices.Sorted(maps.Keys(s.state.Configs)) {
		other := s.state.Configs[name]
		if !strings.HasPrefix(name, c.name+"/") || other.State != stateCreating && other.State != stateActivating {
			continue
		}
		s.state.Violations = append(s.state.Violations, Violation{
			Time: op.CreateTime, Kind: "concurrent-config-creation", Resource: op.Target,
			Detail: fmt.Sprintf("the creation began while %s was %s", name, other.State),
		})
		s.log.Warn("two configs of one API are created at the same time", "config", op.Target, "other", name)
		// The code and the text of the real failure are documented nowhere.
		no := failf(codeInternal, "API Config creation failed: another API Config of the same API was being created.")
		if s.settings.Hazard != HazardNone {
			op.Error = no
		}
		if older := s.creationOf(name); older != nil && s.settings.Hazard == HazardBoth {
			older.Error = no
		}
	}
}

func (s *Server) creationOf(name string) *operation {
	for _, op := range s.state.Operations {
		if op.Target == name && op.Verb == "create" && !op.Done {
			return op
		}
	}
	return nil
}

func (s *Server) getConfig(c *call) (any, *status) {
	config := s.state.Configs[c.name]
	if config == nil {
		return nil, errNotFound(c.name)
	}
	// The client library of Go sends the name, others the number of the enum.
	if view := c.query.Get("view"); view != "FULL" && view != "2" {
		return config.in(c.version), nil
	}
	documents, err := s.documents(c.name)
	if err != nil {
		return nil, failf(codeInternal, "Internal error encountered: %s", err)
	}
	full := *config.in(c.version)
	full.OpenAPIDocuments = documents
	return &full, nil
}

// in is the config as a version of the API shows it: v1 has no gatewayConfig.
func (c *apiConfig) in(version string) *apiConfig {
	if version != "v1" || c.GatewayConfig == nil {
		return c
	}
	shown := *c
	shown.GatewayConfig = nil
	return &shown
}

func (s *Server) updateConfig(c *call) (any, *status) {
	if s.state.Configs[c.name] == nil {
		return nil, errNotFound(c.name)
	}
	in := &apiConfig{}
	fields, no := c.changes(in, "displayName", "labels")
	if no != nil {
		return nil, no
	}
	return s.startUpdate(c, &in.common, fields, nil)
}

func (s *Server) deleteConfig(c *call) (any, *status) {
	if s.state.Configs[c.name] == nil {
		return nil, errNotFound(c.name)
	}
	region, gateways := s.users(c.name)
	if len(gateways) > 0 {
		return s.startDelete(c, failf(codeFailedPrecondition, "Failed precondition: Delete API Config Row: config is in use in %s: [%s]",
			region, strings.Join(gateways, " ")))
	}
	return s.startDelete(c, nil)
}

// users returns the gateways of the first region in which some use config: they name it, serve it, or are about to.
func (s *Server) users(config string) (region string, gateways []string) {
	coming := map[string]bool{}
	for _, op := range s.state.Operations {
		if !op.Done && op.Update != nil && op.Update.APIConfig != nil && *op.Update.APIConfig == config {
			coming[op.Target] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.state.Gateways)) {
		g := s.state.Gateways[name]
		if g.APIConfig != config && g.Serving != config && !coming[name] {
			continue
		}
		segments := strings.Split(name, "/")
		if region == "" {
			region = segments[3]
		}
		if segments[3] == region {
			gateways = append(gateways, segments[5])
		}
	}
	return region, gateways
}

func (s *Server) removeDocuments(config string) {
	if err := os.Remove(s.documentPath(config)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("removing the documents of a config", "config", config, "error", err)
	}
}
