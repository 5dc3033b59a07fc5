package apigateway

import (
	"strings"
)

func (s *Server) createGateway(c *call) (any, *status) {
	id, no := c.newID("gatewayId", 49)
	if no != nil {
		return nil, no
	}
	in := &gatewayResource{}
	if no := c.decode(in); no != nil {
		return nil, no
	}
	name := c.name + "/" + id
	switch {
	case c.location == global || regionCodes()[c.location] == "":
		return nil, errLocation(c.location)
	case s.state.Gateways[name] != nil:
		return nil, errExists(name)
	case count(c.name+"/", s.state.Gateways) >= s.settings.Quotas.GatewaysPerRegion:
		return nil, errQuota(c.project, "apigateway.googleapis.com/gateways", "GatewaysPerProjectPerRegion",
			s.settings.Quotas.GatewaysPerRegion, c.location)
	}
	if no := s.checkUsable(in.APIConfig); no != nil {
		return nil, no
	}
	if no := checkLabels(in.Labels); no != nil {
		return nil, no
	}
	op := s.start(c, "create", name, s.settings.Latency.GatewayCreate)
	g := &gatewayRecord{gatewayResource: *in}
	g.DefaultHostname = ""
	s.describe(&g.common, name, op)
	s.state.Gateways[name] = g
	return s.render(c.version, op), nil
}

func errLocation(location string) *status {
	return failf(codeNotFound, "Location %s is not found or access is unauthorized.", location)
}

// checkUsable tells why a gateway can't be given the config.
func (s *Server) checkUsable(config string) *status {
	if config == "" {
		return failf(codeInvalidArgument, "api_config is required")
	}
	found := s.state.Configs[config]
	switch {
	case found == nil:
		return errNotFound(config)
	case found.State != stateActive:
		return failf(codeFailedPrecondition, "API config '%s' is in state %s, not ACTIVE.", config, found.State)
	}
	return nil
}

// shown is what the API shows of a gateway: its host name only once it has been active.
func (s *Server) shown(g *gatewayRecord) *gatewayResource {
	out := g.gatewayResource
	if g.Serving != "" {
		out.DefaultHostname = s.hostname(g)
	}
	return &out
}

// hostname is worked out anew each time, because after a restart the port may be another one.
func (s *Server) hostname(g *gatewayRecord) string {
	segments := strings.Split(g.Name, "/")
	project, region, id := segments[1], segments[3], segments[5]
	if s.options.Host != nil {
		return s.options.Host(id, region)
	}
	return id + "-" + shortHash(project) + "." + regionCodes()[region] + "." + hostSuffix(s.options.PublicURL)
}

func (s *Server) getGateway(c *call) (any, *status) {
	if g := s.state.Gateways[c.name]; g != nil {
		return s.shown(g), nil
	}
	return nil, errNotFound(c.name)
}

func (s *Server) updateGateway(c *call) (any, *status) {
	g := s.state.Gateways[c.name]
	if g == nil {
		return nil, errNotFound(c.name)
	}
	in := &gatewayResource{}
	fields, no := c.changes(in, "apiConfig", "displayName", "labels")
	if no != nil {
		return nil, no
	}
	var config *string
	if fields["apiConfig"] && (in.APIConfig != g.APIConfig || g.State == stateFailed) {
		if no := s.checkUsable(in.APIConfig); no != nil {
			return nil, no
		}
		config = &in.APIConfig
	}
	return s.startUpdate(c, &in.common, fields, config)
}

func (s *Server) deleteGateway(c *call) (any, *status) {
	if s.state.Gateways[c.name] == nil {
		return nil, errNotFound(c.name)
	}
	result, no := s.startDelete(c, nil)
	if no == nil {
		// A gateway that is being deleted does not answer any more.
		s.rebuild()
	}
	return result, no
}
