# Who does what. Gangway's own accounts hold rights and never run code of a pull request; build and preview run it and hold none
# over anything of Gangway's.

locals {
  account_names = {
    receive    = "Gangway: takes GitHub's deliveries in"
    intake     = "Gangway: starts builds, makes revisions"
    aggregator = "Gangway: makes gateways, reports, takes everything in"
    small      = "Gangway: everything in one instance"
    build      = "Gangway: builds images of pull requests"
    fork       = "Gangway: builds images of pull requests from forks"
    gateway    = "Gangway: previews' gateways call services as this"
    preview    = "Gangway: revisions of pull requests run as this"
    release    = "Gangway: builds and deploys Gangway itself"
  }

  # With the layout small, one account has the rights of all three parts.
  own_accounts = var.layout == "small" ? toset(["small"]) : toset(["receive", "intake", "aggregator"])
  accounts     = setunion(local.own_accounts, local.build_accounts, ["gateway", "preview", "release"])

  # Those that builds run as.
  build_accounts = var.forks ? toset(["build", "fork"]) : toset(["build"])

  account_of = {
    receive    = var.layout == "small" ? "small" : "receive"
    intake     = var.layout == "small" ? "small" : "intake"
    aggregator = var.layout == "small" ? "small" : "aggregator"
  }
}

resource "google_service_account" "account" {
  for_each = local.accounts

  project      = var.project
  account_id   = "${var.installation}-${each.key}"
  display_name = local.account_names[each.key]

  depends_on = [google_project_service.required]
}

locals {
  # Whom rights are given to.
  receive    = google_service_account.account[local.account_of.receive].member
  intake     = google_service_account.account[local.account_of.intake].member
  aggregator = google_service_account.account[local.account_of.aggregator].member
  gateway    = google_service_account.account["gateway"].member
  preview    = google_service_account.account["preview"].member
  release    = google_service_account.account["release"].member
}

# Who may act as whom: always on one account, never on the project.

resource "google_service_account_iam_member" "intake_builds_as" {
  for_each = local.build_accounts

  service_account_id = google_service_account.account[each.value].name
  role               = google_project_iam_custom_role.role["intake_accounts"].id
  member             = local.intake
}

resource "google_service_account_iam_member" "intake_deploys_as_preview" {
  service_account_id = google_service_account.account["preview"].name
  role               = google_project_iam_custom_role.role["intake_accounts"].id
  member             = local.intake
}

resource "google_service_account_iam_member" "intake_deploys_as" {
  for_each = var.runtime_accounts

  service_account_id = "projects/-/serviceAccounts/${each.value}"
  role               = google_project_iam_custom_role.role["intake_accounts"].id
  member             = local.intake
}

resource "google_service_account_iam_member" "aggregator_configures_gateway" {
  service_account_id = google_service_account.account["gateway"].name
  role               = google_project_iam_custom_role.role["aggregator_accounts"].id
  member             = local.aggregator
}

resource "google_service_account_iam_member" "aggregator_updates_preview" {
  service_account_id = google_service_account.account["preview"].name
  role               = google_project_iam_custom_role.role["aggregator_accounts"].id
  member             = local.aggregator
}

resource "google_service_account_iam_member" "aggregator_updates" {
  for_each = var.runtime_accounts

  service_account_id = "projects/-/serviceAccounts/${each.value}"
  role               = google_project_iam_custom_role.role["aggregator_accounts"].id
  member             = local.aggregator
}

resource "google_service_account_iam_member" "release_deploys_as" {
  for_each = local.own_accounts

  service_account_id = google_service_account.account[each.value].name
  role               = google_project_iam_custom_role.role["release_accounts"].id
  member             = local.release
}

# What accounts may do on the services of the environment: each by itself. A service that isn't named can't be touched.

resource "google_cloud_run_v2_service_iam_member" "intake" {
  for_each = var.services

  project  = var.project
  location = var.region
  name     = each.value
  role     = google_project_iam_custom_role.role["intake_services"].id
  member   = local.intake
}

resource "google_cloud_run_v2_service_iam_member" "aggregator" {
  for_each = var.services

  project  = var.project
  location = var.region
  name     = each.value
  role     = google_project_iam_custom_role.role["aggregator_services"].id
  member   = local.aggregator
}

resource "google_cloud_run_v2_service_iam_member" "gateway" {
  for_each = var.services

  project  = var.project
  location = var.region
  name     = each.value
  role     = google_project_iam_custom_role.role["gateway_services"].id
  member   = local.gateway
}

resource "google_cloud_run_v2_service_iam_member" "preview" {
  for_each = var.preview_may_call

  project  = var.project
  location = var.region
  name     = each.value
  role     = google_project_iam_custom_role.role["preview_services"].id
  member   = local.preview
}

# What can only be given on the project: Cloud Build's builds, log entries and time series have no policy of their own, a list of
# services is the project's, and gateways and configs of previews don't exist yet when the right is given.

resource "google_project_iam_member" "intake_builds" {
  project = var.project
  role    = google_project_iam_custom_role.role["intake_builds"].id
  member  = local.intake
}

resource "google_project_iam_member" "aggregator_gateways" {
  project = var.project
  role    = google_project_iam_custom_role.role["aggregator_gateways"].id
  member  = local.aggregator
}

resource "google_project_iam_member" "intake_logs" {
  project = var.project
  role    = google_project_iam_custom_role.role["intake_logs"].id
  member  = local.intake
}

resource "google_project_iam_member" "intake_inventory" {
  project = var.project
  role    = google_project_iam_custom_role.role["intake_inventory"].id
  member  = local.intake
}

resource "google_project_iam_member" "aggregator_inventory" {
  project = var.project
  role    = google_project_iam_custom_role.role["aggregator_inventory"].id
  member  = local.aggregator
}

resource "google_project_iam_member" "build_logs" {
  for_each = local.build_accounts

  project = var.project
  role    = google_project_iam_custom_role.role["build_logs"].id
  member  = google_service_account.account[each.value].member
}

resource "google_project_iam_member" "release_logs" {
  project = var.project
  role    = google_project_iam_custom_role.role["release_logs"].id
  member  = local.release
}

resource "google_project_iam_member" "metrics" {
  for_each = toset(var.metrics ? [for part in ["intake", "aggregator"] : local.account_of[part]] : [])

  project = var.project
  role    = google_project_iam_custom_role.role["metrics_series"].id
  member  = google_service_account.account[each.key].member
}
