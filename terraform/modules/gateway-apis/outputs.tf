output "api_ids" {
  description = "Ids of the APIs, in the order in which they were asked for."
  value       = google_api_gateway_api.shard[*].api_id
}
