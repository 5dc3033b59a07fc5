output "api_ids" {
  description = "Ids of the APIs, in the order in which they were asked for."
  value       = google_api_gateway_api.shard[*].api_id
}

output "managed_services" {
  description = "Names of the APIs' managed services, in the same order. A project that enables one can make API keys for it; it exists once the API has had a config."
  value       = google_api_gateway_api.shard[*].managed_service
}
