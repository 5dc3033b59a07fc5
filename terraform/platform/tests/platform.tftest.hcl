# What the root module makes of its variables, without a cloud: providers are mocked, so only their schemas are needed.
# Run it with: terraform init -backend=false && terraform test

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }

  mock_resource "google_project_iam_custom_role" {
    defaults = {
      id = "projects/acme-dev/roles/mocked"
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/acme-dev/serviceAccounts/mocked@acme-dev.iam.gserviceaccount.com"
      email  = "mocked@acme-dev.iam.gserviceaccount.com"
      member = "serviceAccount:mocked@acme-dev.iam.gserviceaccount.com"
    }
  }
}

mock_provider "google-beta" {
  mock_resource "google_api_gateway_api" {
    defaults = {
      managed_service = "shard-0a1b2c.apigateway.acme-dev.cloud.goog"
    }
  }
}

variables {
  project  = "acme-dev"
  region   = "europe-west1"
  services = ["catalog", "orders"]
}

run "first_apply_runs_nothing" {
  command = apply

  assert {
    condition     = length(google_cloud_run_v2_service.gangway) == 0 && length(google_cloud_run_v2_service_iam_member.receive) == 0
    error_message = "Without images nothing runs, and nothing is public."
  }
  assert {
    condition     = output.webhook_url == "https://gangway-receive-123456789012.europe-west1.run.app/github/webhook"
    error_message = "The webhook's URL is not the one that Cloud Run will give: ${output.webhook_url}"
  }
  assert {
    condition     = length(google_monitoring_alert_policy.own) == 0 && length(google_monitoring_alert_policy.cloud) == 3
    error_message = "Alerts over Gangway's own metrics need something that runs."
  }
  assert {
    condition     = toset(keys(google_pubsub_subscription.subscription)) == toset(keys(google_pubsub_subscription.dead_letter))
    error_message = "Each subscription has dead letters with a subscription."
  }
  assert {
    condition     = length(google_project_service.managed) == 0
    error_message = "Managed services don't exist before the first config."
  }
}

run "separate" {
  command = apply

  variables {
    images = {
      webhook    = "europe-west1-docker.pkg.dev/acme-dev/gangway/webhook@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      aggregator = "europe-west1-docker.pkg.dev/acme-dev/gangway/aggregator@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    }
    github_app_id = 4711
    alert_emails  = ["ops@example.com"]
    labels        = { team = "platform" }
    api_keys      = true
    github_connection = {
      app_installation_id = 42
      token_secret        = "github-token"
      repositories        = { acme-shop = "https://github.com/acme/shop.git" }
    }
    forks            = true
    pipelines        = ["ci@acme-dev.iam.gserviceaccount.com"]
    preview_may_call = ["catalog"]
    runtime_accounts = ["orders@acme-dev.iam.gserviceaccount.com"]
  }

  assert {
    condition     = toset(keys(google_cloud_run_v2_service.gangway)) == toset(["receive", "intake", "aggregator"])
    error_message = "Three services."
  }
  assert {
    condition = alltrue([
      google_cloud_run_v2_service.gangway["receive"].ingress == "INGRESS_TRAFFIC_ALL",
      google_cloud_run_v2_service.gangway["intake"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY",
      google_cloud_run_v2_service.gangway["aggregator"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY",
      google_cloud_run_v2_service_iam_member.receive[0].name == "gangway-receive",
    ])
    error_message = "Only the receiver is public."
  }
  assert {
    condition = alltrue([
      google_cloud_run_v2_service.gangway["receive"].template[0].scaling[0].min_instance_count == 0,
      google_cloud_run_v2_service.gangway["intake"].template[0].scaling[0].min_instance_count == 1,
      google_cloud_run_v2_service.gangway["aggregator"].template[0].containers[0].resources[0].cpu_idle == false,
      google_cloud_run_v2_service.gangway["receive"].template[0].containers[0].resources[0].cpu_idle == true,
    ])
    error_message = "The receiver may sleep, the others never do."
  }
  assert {
    condition     = [for c in google_cloud_run_v2_service.gangway["receive"].template[0].volumes : c.name] == ["configuration", "webhook"]
    error_message = "The receiver sees the configuration and the webhook secrets, and no GitHub key."
  }
  assert {
    condition     = contains([for e in google_cloud_run_v2_service.gangway["aggregator"].template[0].containers[0].env : "${e.name}=${e.value}"], "GANGWAY_STORE=firestore://acme-dev/gangway")
    error_message = "The aggregator is told the store."
  }
  assert {
    condition = alltrue([for s in values(google_cloud_run_v2_service.gangway) :
      alltrue([for c in s.template[0].containers : c.name == "metrics" || (length(c.liveness_probe) == 1 && length(c.startup_probe) == 1)])
    ])
    error_message = "Each container of Gangway is probed."
  }
  assert {
    condition     = alltrue([for s in values(google_cloud_run_v2_service.gangway) : length([for c in s.template[0].containers : c if length(c.ports) > 0]) == 1])
    error_message = "Cloud Run wants one container with a port."
  }
  assert {
    condition     = google_storage_bucket.state.labels["team"] == "platform" && google_storage_bucket.state.labels["gangway-platform"] == "gangway"
    error_message = "Labels are the installation's and the operator's."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.own) == 5 && length(google_monitoring_notification_channel.email) == 1
    error_message = "All alerts, sent somewhere."
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.gangway.dashboard_json).mosaicLayout.tiles) == 23
    error_message = "The dashboard is JSON with all of its tiles."
  }
  assert {
    condition     = [for s in google_project_service.managed : s.service] == ["shard-0a1b2c.apigateway.acme-dev.cloud.goog", "shard-0a1b2c.apigateway.acme-dev.cloud.goog"]
    error_message = "API keys: the shards' managed services are enabled."
  }
  assert {
    condition     = output.images.build == "europe-west1-docker.pkg.dev/acme-dev/gangway-previews" && output.images.fork == "europe-west1-docker.pkg.dev/acme-dev/gangway-forks"
    error_message = "Images from forks lie apart."
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.pipeline) == 2 && length(google_service_account_iam_member.pipeline_deploys_as) == 1
    error_message = "A pipeline may deploy the services, as the accounts that Gangway may act as."
  }
  assert {
    condition     = keys(google_cloudbuildv2_repository.repository) == ["acme-shop"] && keys(google_cloud_run_v2_service_iam_member.preview) == ["catalog"]
    error_message = "Repositories are connected; previews may call what was named."
  }
}

# What Cloud Build has deployed since stays; and without the sidecar there is one container only.
run "releases_stay" {
  command = apply

  variables {
    images = {
      webhook    = "europe-west1-docker.pkg.dev/acme-dev/gangway/webhook@sha256:2222222222222222222222222222222222222222222222222222222222222222"
      aggregator = "europe-west1-docker.pkg.dev/acme-dev/gangway/aggregator@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    }
    github_app_id        = 4711
    metrics              = false
    aggregator_instances = 2
  }

  assert {
    condition     = endswith(google_cloud_run_v2_service.gangway["aggregator"].template[0].containers[0].image, ":1111111111111111111111111111111111111111111111111111111111111111")
    error_message = "Terraform must leave images alone: ${google_cloud_run_v2_service.gangway["aggregator"].template[0].containers[0].image}"
  }
  assert {
    condition     = contains([for e in google_cloud_run_v2_service.gangway["aggregator"].template[0].containers[0].env : "${e.name}=${e.value}"], "GITHUB_WRITE_INTERVAL=2s")
    error_message = "Two aggregators share GitHub's rate."
  }
  assert {
    condition     = length(google_cloud_run_v2_service.gangway["aggregator"].template[0].containers) == 1 && google_cloud_run_v2_service.gangway["aggregator"].template[0].scaling[0].max_instance_count == 2
    error_message = "Everything else follows the variables."
  }
}

run "small" {
  command = apply

  variables {
    layout = "small"
    images = {
      webhook    = "europe-west1-docker.pkg.dev/acme-dev/gangway/webhook@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      aggregator = "europe-west1-docker.pkg.dev/acme-dev/gangway/aggregator@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    }
    github_app_id = 4711
    metrics       = false
  }

  assert {
    condition     = keys(google_cloud_run_v2_service.gangway) == ["all"] && [for c in google_cloud_run_v2_service.gangway["all"].template[0].containers : c.name] == ["webhook", "aggregator"]
    error_message = "One service with two containers."
  }
  assert {
    condition     = output.webhook_url == "https://gangway-all-123456789012.europe-west1.run.app/github/webhook"
    error_message = "The webhook's URL follows the layout: ${output.webhook_url}"
  }
  assert {
    condition     = !contains(keys(google_service_account.account), "receive") && contains(keys(google_service_account.account), "small")
    error_message = "One account of its own."
  }
  assert {
    condition     = length(google_secret_manager_secret.metrics) == 0 && length(google_project_iam_member.metrics) == 0 && length(google_monitoring_alert_policy.own) == 0
    error_message = "Without metrics there is no sidecar, no right for it and no alert over it."
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.gangway.dashboard_json).mosaicLayout.tiles) == 14
    error_message = "The dashboard leaves out what needs Gangway's own metrics."
  }
}

run "refuses_a_tag" {
  command = plan

  variables {
    images = {
      webhook    = "europe-west1-docker.pkg.dev/acme-dev/gangway/webhook:latest"
      aggregator = "europe-west1-docker.pkg.dev/acme-dev/gangway/aggregator:latest"
    }
    github_app_id = 4711
  }

  expect_failures = [var.images]
}

run "refuses_images_without_an_app" {
  command = plan

  variables {
    images = {
      webhook    = "europe-west1-docker.pkg.dev/acme-dev/gangway/webhook@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      aggregator = "europe-west1-docker.pkg.dev/acme-dev/gangway/aggregator@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    }
  }

  expect_failures = [var.github_app_id]
}

run "refuses_the_default_account" {
  command = plan

  variables {
    runtime_accounts = ["123456789012-compute@developer.gserviceaccount.com"]
  }

  expect_failures = [var.runtime_accounts]
}

run "refuses_labels_of_gangway" {
  command = plan

  variables {
    labels = { gangway = "mine" }
  }

  expect_failures = [var.labels]
}

run "refuses_calls_to_unknown_services" {
  command = plan

  variables {
    preview_may_call = ["payments"]
  }

  expect_failures = [var.preview_may_call]
}
