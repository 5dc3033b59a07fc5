# The API config and the gateway of one preview. The API is shared and made elsewhere (gateway-apis): a deleted API's
# managed service stays for 30 days, so that an API for each preview would run into quotas.

resource "google_api_gateway_api_config" "preview" {
  provider = google-beta

  project       = var.project
  api           = var.api
  api_config_id = var.config_id
  labels        = var.labels

  openapi_documents {
    document {
      path     = "openapi.${reverse(split(".", var.document_file))[0]}"
      contents = filebase64(var.document_file)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = var.backend_service_account
    }
  }

  # The gateway is moved to the new config before the old one is deleted: a config in use can't be.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_api_gateway_gateway" "preview" {
  provider = google-beta

  project    = var.project
  region     = var.region
  gateway_id = var.gateway_id
  api_config = google_api_gateway_api_config.preview.id
  labels     = var.labels
}
