# Secrets. Terraform makes them and never sees what is in them: gangway init adds the first version, gcloud the next.
# They are mounted as files with the version latest, which Cloud Run reads anew each time: a new version counts without a restart.
# https://cloud.google.com/run/docs/configuring/services/secrets

locals {
  secrets = {
    # One secret a line; all of them are valid at once.
    webhook-secrets = "webhook-secrets"
    # PEM.
    github-app-key = "github-app-key"
  }
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.secrets

  project             = var.project
  secret_id           = "${var.installation}-${each.value}"
  labels              = local.labels
  deletion_protection = var.deletion_protection

  replication {
    auto {}
  }

  depends_on = [google_project_service.required]
}

resource "google_secret_manager_secret_iam_member" "webhook_secrets" {
  project   = var.project
  secret_id = google_secret_manager_secret.secret["webhook-secrets"].secret_id
  role      = google_project_iam_custom_role.role["receive_secrets"].id
  member    = local.receive
}

resource "google_secret_manager_secret_iam_member" "app_key_intake" {
  project   = var.project
  secret_id = google_secret_manager_secret.secret["github-app-key"].secret_id
  role      = google_project_iam_custom_role.role["intake_secrets"].id
  member    = local.intake
}

resource "google_secret_manager_secret_iam_member" "app_key_aggregator" {
  project   = var.project
  secret_id = google_secret_manager_secret.secret["github-app-key"].secret_id
  role      = google_project_iam_custom_role.role["aggregator_secrets"].id
  member    = local.aggregator
}
