# The APIs that previews share.

module "apis" {
  source = "../modules/gateway-apis"

  project = var.project
  api_ids = [for n in range(var.api_shards) : "${var.installation}-previews-${n + 1}"]
  labels  = local.labels

  depends_on = [google_project_service.required]
}

# A project whose keys an API shall accept must have enabled the API's managed service, which exists only once the API has had
# a config: enabling it earlier fails with "not found". Hence var.api_keys, to be set in a second apply.
# https://cloud.google.com/api-gateway/docs/authenticate-api-keys
resource "google_project_service" "managed" {
  count = var.api_keys ? var.api_shards : 0

  project            = var.project
  service            = module.apis.managed_services[count.index]
  disable_on_destroy = true
}
