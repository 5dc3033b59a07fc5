// Package gateway serves a gateway document, an OpenAPI 2.0, 3.0 or 3.1 document with Google's extensions, over HTTP as
// Google API Gateway does: it finds the operation of a request, checks API keys and JSON Web Tokens, and forwards the
// request to the operation's backend with an ID token.
//
// The model is ESPv2, the proxy behind API Gateway (https://github.com/GoogleCloudPlatform/esp-v2): its path matching,
// both path translations, its error bodies and its time limits are kept. The document's extensions are described in
// https://docs.cloud.google.com/api-gateway/docs/oasv2-extensions and
// https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions.
//
// It is not the control plane (see internal/emulator/apigateway), does not enforce quotas, does not
// transcode gRPC, and serves one document: another document is another [Gateway].
package gateway
