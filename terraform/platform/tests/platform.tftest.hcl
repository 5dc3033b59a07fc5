# What the root module makes of its variables, without a cloud: providers are mocked, so this needs their schemas only.

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/acme-dev/serviceAccounts/x@acme-dev.iam.gserviceaccount.com"
      email  = "x@acme-dev.iam.gserviceaccount.com"
      member = "serviceAccount:x@acme-dev.iam.gserviceaccount.com"
    }
  }
}

mock_provider "google-beta" {}

variables {
  project  = "acme-dev"
  region   = "europe-west1"
  services = ["catalog", "orders"]
}

run "first_apply_runs_nothing" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.gangway) == 0 && length(google_cloud_run_v2_service_iam_member.receive) == 0
    error_message = "Without images nothing runs, and nothing is public."
  }
}
