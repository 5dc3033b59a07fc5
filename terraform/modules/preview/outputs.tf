output "hostname" {
  description = "Hostname of the gateway, without scheme. API Gateway chooses it."
  value       = google_api_gateway_gateway.preview.default_hostname
}

output "config_id" {
  description = "Id of the API config that the gateway serves."
  value       = google_api_gateway_api_config.preview.api_config_id
}
