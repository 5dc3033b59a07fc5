// Package provider is a stand-in for Terraform's provider hashicorp/google-beta on a machine that reaches no registry. It
// knows the provider's three API Gateway resources, google_api_gateway_api, google_api_gateway_api_config and
// google_api_gateway_gateway, with the arguments, the plan behaviour, the sequence of REST calls and the error texts of
// release 7.45, so that the same modules run against it and against the real one.
//
// It is served by the running process to the Terraform processes that this one starts: see [Serve]. It speaks API
// Gateway's public REST API and knows nothing of Gangway. It is not for Google Cloud: it takes an access token and looks
// for no other credentials.
package provider
