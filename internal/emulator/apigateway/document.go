package apigateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gangway-dev/gangway/internal/gateway"
)

// checkDocuments refuses what the service refuses at once, before there is an operation.
func checkDocuments(config *apiConfig) *status {
	switch {
	case len(config.GRPCServices) > 0 || len(config.ManagedServiceConfigs) > 0:
		return failf(codeUnimplemented, "This emulator serves OpenAPI documents only, not grpcServices and managedServiceConfigs.")
	case len(config.OpenAPIDocuments) == 0:
		return failf(codeInvalidArgument, "An API config needs one of openapiDocuments and grpcServices.")
	case len(config.OpenAPIDocuments) > 1:
		return failf(codeUnimplemented, "This emulator serves one OpenAPI document per config, not %d.", len(config.OpenAPIDocuments))
	}
	document := config.OpenAPIDocuments[0].Document
	switch path.Ext(document.Path) {
	case ".yaml", ".yml", ".json":
	default:
		return failf(codeInvalidArgument, "The file name '%s' must end in .yaml, .yml or .json.", document.Path)
	}
	data, err := base64.StdEncoding.DecodeString(document.Contents)
	if err != nil {
		return failf(codeInvalidArgument, "Invalid value at 'api_config.openapi_documents[0].document.contents' (TYPE_BYTES), "+
			"Base64 decoding failed.")
	}
	_, err = gateway.New(data, gateway.Options{})
	if err == nil {
		return nil
	}
	return &status{Code: codeInvalidArgument, Message: conversionError(document.Path, err)}
}

// conversionError gives the problems of a document in the service's form.
func conversionError(name string, err error) string {
	var b strings.Builder
	b.WriteString("Cannot convert to service config.")
	problems := []gateway.Problem{{Message: err.Error()}}
	if e, ok := errors.AsType[*gateway.DocumentError](err); ok {
		problems = e.Problems
	}
	for _, p := range problems {
		location := name
		if p.Location != "" {
			location += ": " + p.Location
		}
		fmt.Fprintf(&b, "\n'location: \"%s\"\n kind: ERROR\n message: \"%s\"\n'", location, p.Message)
	}
	return b.String()
}
