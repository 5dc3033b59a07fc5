package site

import (
	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/openapi"
)

// ComposeOptions are what the configuration says of a gateway's document. With catalog.AccessAPIKey, every operation needs
// the first of the gateway's API keys.
func ComposeOptions(g *catalog.Gateway, access catalog.Access) openapi.Options {
	o := openapi.Options{Title: g.Title, Version: "1", OpenAPI: openapi.Target(g.OpenAPI)}
	for _, s := range g.Security {
		switch {
		case s.APIKey != nil:
			o.Security = append(o.Security, openapi.SecurityDefinition{
				Name: s.Name, APIKeyIn: s.APIKey.In, KeyName: s.APIKey.Name,
			})
			if access == catalog.AccessAPIKey && o.RequireAPIKey == "" {
				o.RequireAPIKey = s.Name
			}
		case s.JWT != nil:
			o.Security = append(o.Security, openapi.SecurityDefinition{
				Name: s.Name, Issuer: s.JWT.Issuer, JWKSURI: s.JWT.JWKSURI, Audiences: s.JWT.Audiences,
			})
		}
	}
	return o
}
