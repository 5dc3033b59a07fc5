output "webhook_url" {
  description = "Where GitHub delivers to. Known before the service exists, so that the GitHub App can be made first."
  value       = "https://${var.installation}-${local.receiver}-${data.google_project.this.number}.${var.region}.run.app/github/webhook"
}

output "accounts" {
  description = "E-mails of the service accounts, by what they do."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "secrets" {
  description = "Ids of the secrets that gangway init fills: webhook-secrets and github-app-key."
  value       = { for name, secret in google_secret_manager_secret.secret : name => secret.secret_id }
}

output "configuration" {
  description = "Where gangway.hcl is put."
  value       = "gs://${google_storage_bucket.configuration.name}/gangway.hcl"
}

output "state_bucket" {
  description = "Bucket of the previews' Terraform states."
  value       = google_storage_bucket.state.name
}

output "sources_bucket" {
  description = "Bucket of the source archives that builds fetch (source_bucket in gangway.hcl)."
  value       = google_storage_bucket.sources.name
}

output "release_bucket" {
  description = "Bucket that gcloud puts Gangway's own source into, for cloudbuild/gangway.yaml."
  value       = google_storage_bucket.release.name
}

output "store" {
  description = "GANGWAY_STORE of this installation."
  value       = local.common.GANGWAY_STORE
}

output "images" {
  description = "Artifact Registry repositories: build (images in gangway.hcl) and fork for pull requests, own for Gangway itself."
  value = merge(
    { for account, repository in google_artifact_registry_repository.previews : account => "${var.region}-docker.pkg.dev/${var.project}/${repository.repository_id}" },
    { own = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.own.repository_id}" },
  )
}

output "apis" {
  description = "The API shards (apis in gangway.hcl)."
  value       = module.apis.api_ids
}

output "connections" {
  description = "Cloud Build's connections to repositories (connection in gangway.hcl)."
  value       = { for name, repository in google_cloudbuildv2_repository.repository : name => repository.id }
}

output "services" {
  description = "Gangway's own Cloud Run services that run; empty before there are images."
  value       = [for service in google_cloud_run_v2_service.gangway : service.name]
}

output "dashboard" {
  description = "Id of the dashboard."
  value       = google_monitoring_dashboard.gangway.id
}
