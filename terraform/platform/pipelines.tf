# Pipelines of teams that build their services themselves and call gangway deploy. Their accounts are theirs; this gives them what that
# command needs, on the same services and accounts that Gangway itself may touch.

locals {
  pipeline_services = { for pair in setproduct(var.pipelines, var.services) : "${pair[0]} ${pair[1]}" => { account = pair[0], service = pair[1] } }
  pipeline_accounts = { for pair in setproduct(var.pipelines, var.runtime_accounts) : "${pair[0]} ${pair[1]}" => { account = pair[0], runtime = pair[1] } }
}

resource "google_pubsub_topic_iam_member" "pipeline" {
  for_each = var.pipelines

  project = var.project
  topic   = google_pubsub_topic.topic["revisions"].name
  role    = google_project_iam_custom_role.role["pipeline_topics"].id
  member  = "serviceAccount:${each.value}"
}

resource "google_cloud_run_v2_service_iam_member" "pipeline" {
  for_each = local.pipeline_services

  project  = var.project
  location = var.region
  name     = each.value.service
  role     = google_project_iam_custom_role.role["pipeline_services"].id
  member   = "serviceAccount:${each.value.account}"
}

resource "google_service_account_iam_member" "pipeline_deploys_as_preview" {
  for_each = var.pipelines

  service_account_id = google_service_account.account["preview"].name
  role               = google_project_iam_custom_role.role["pipeline_accounts"].id
  member             = "serviceAccount:${each.value}"
}

resource "google_service_account_iam_member" "pipeline_deploys_as" {
  for_each = local.pipeline_accounts

  service_account_id = "projects/-/serviceAccounts/${each.value.runtime}"
  role               = google_project_iam_custom_role.role["pipeline_accounts"].id
  member             = "serviceAccount:${each.value.account}"
}
