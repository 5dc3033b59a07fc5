// Package apigateway emulates Google API Gateway: its control plane, the REST API v1 and v1beta
// (https://docs.cloud.google.com/api-gateway/docs/reference/rest), and in front of it the gateways that were created
// there, each under a host name of its own.
//
// The google-beta provider of Terraform, gcloud and the client libraries can be pointed at it. It keeps to the API's
// ways where they matter to a caller: long-running operations, states, names, quotas, the shape of its errors, the rule
// of one config creation at a time per API, configs in use. What is documented nowhere is marked so in the code.
//
// There is no time of its own in it and no goroutine: whatever is due is done when somebody looks. So a server that was
// killed goes on where it was, with the operations that were under way. Any credentials are accepted
// unless [Options.Access] says who may do what.
//
// Below /emulator/apigateway/ a test sets faults and reads violations; see [Server.ServeHTTP].
package apigateway
