# The API shards that the configs of previews are created in. An API costs nothing; its id can't be used again for 30
# days after it was deleted.

resource "google_api_gateway_api" "shard" {
  provider = google-beta
  count    = length(var.api_ids)

  project = var.project
  api_id  = var.api_ids[count.index]
  labels  = var.labels
}
