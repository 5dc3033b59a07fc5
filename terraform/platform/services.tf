# The services of Google Cloud that Gangway uses. They stay enabled when Gangway is removed: something else may use them.

locals {
  services = [
    "apigateway.googleapis.com",
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicecontrol.googleapis.com",
    "servicemanagement.googleapis.com",
    "storage.googleapis.com",
  ]

  # The label is not "gangway": that one is for what previews are made of, and the sweep takes in what it finds by it.
  labels = merge(var.labels, { gangway-platform = var.installation })
}

resource "google_project_service" "required" {
  for_each = toset(local.services)

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project

  depends_on = [google_project_service.required]
}

# Google's own agents act for Gangway: Pub/Sub moves dead letters, Cloud Build tells of builds. They are made when a
# service is first used, which would be too late for the rights below.
resource "google_project_service_identity" "agent" {
  provider = google-beta
  for_each = toset(["cloudbuild.googleapis.com", "pubsub.googleapis.com"])

  project = var.project
  service = each.value

  depends_on = [google_project_service.required]
}

locals {
  cloud_build_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-cloudbuild.iam.gserviceaccount.com"
  pubsub_agent      = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
