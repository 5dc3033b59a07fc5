# Gangway's own Cloud Run services. Without var.images there are none: there is nothing yet that they could run.
#
# separate: receive is public and may sleep; intake and aggregator can't be reached from outside and are always awake, because
# they wait for messages and not for requests. small: all of it in one instance.

locals {
  # The services of the layout, and what each runs as.
  parts   = var.layout == "small" ? toset(["all"]) : toset(["receive", "intake", "aggregator"])
  runs_as = { receive = "receive", intake = "intake", aggregator = "aggregator", all = "small" }

  running = var.images == null ? toset([]) : local.parts
  scraped = var.metrics ? setsubtract(local.running, ["receive"]) : toset([])

  # The service that GitHub calls.
  receiver = var.layout == "small" ? "all" : "receive"
}

locals {
  configuration_folder = "/etc/gangway"
  webhook_secrets_file = "/secrets/webhook/secrets"
  app_key_file         = "/secrets/github/app.pem"
  work_folder          = "/work"

  # What every container is told. internal/app/config.go has all settings.
  common = {
    GANGWAY_CONFIG  = "${local.configuration_folder}/gangway.hcl"
    GANGWAY_PROJECT = var.project
    GANGWAY_STORE   = "firestore://${var.project}/${google_firestore_database.store.name}"
    GITHUB_APP_ID   = tostring(coalesce(var.github_app_id, 0))
  }
  webhook = {
    GITHUB_WEBHOOK_SECRETS_FILE = local.webhook_secrets_file
  }
  app = {
    GITHUB_APP_KEY_FILE = local.app_key_file
  }
  terraform = {
    GANGWAY_STATE_BUCKET = google_storage_bucket.state.name
    GANGWAY_STATE_PREFIX = local.state_prefix
    GANGWAY_STACKS       = "${local.work_folder}/stacks"
    TMPDIR               = local.work_folder
  }

  # Folders that containers see, by the name of their volume.
  mounts = {
    configuration = local.configuration_folder
    webhook       = dirname(local.webhook_secrets_file)
    github        = dirname(local.app_key_file)
    work          = local.work_folder
  }

  # What each service is made of. Only the first container has a port; Cloud Run starts nothing without one, so intake and
  # aggregator show the port of their metrics, which nobody may call.
  run = {
    receive = {
      ingress   = "INGRESS_TRAFFIC_ALL"
      instances = { min = 0, max = 4 }
      awake     = false
      scraped   = []
      containers = [{
        name      = "webhook"
        image     = try(var.images.webhook, null)
        args      = ["--role", "receive"]
        resources = { cpu = "1", memory = "512Mi" }
        port      = 8080
        probe     = 8080
        mounts    = ["configuration", "webhook"]
        env       = merge(local.common, local.webhook)
      }]
    }
    intake = {
      ingress   = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      instances = { min = 1, max = 1 }
      awake     = true
      scraped   = [9090]
      containers = [{
        name      = "webhook"
        image     = try(var.images.webhook, null)
        args      = ["--role", "intake"]
        resources = { cpu = "1", memory = "512Mi" }
        port      = 9090
        probe     = 9090
        mounts    = ["configuration", "github"]
        env       = merge(local.common, local.app, { GANGWAY_METRICS_ADDR = ":9090" })
      }]
    }
    # A Terraform process and its provider take about 300 MB, and the work folder is memory too.
    aggregator = {
      ingress   = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      instances = { min = var.aggregator_instances, max = var.aggregator_instances }
      awake     = true
      scraped   = [9090]
      containers = [{
        name      = "aggregator"
        image     = try(var.images.aggregator, null)
        args      = []
        resources = { cpu = "2", memory = "4Gi" }
        port      = 9090
        probe     = 9090
        mounts    = ["configuration", "github", "work"]
        env = merge(local.common, local.app, local.terraform, {
          GANGWAY_METRICS_ADDR        = ":9090"
          GANGWAY_TERRAFORM_PROCESSES = "4"
          GITHUB_WRITE_INTERVAL       = "${var.aggregator_instances}s" # GitHub asks for a second between all writes
        })
      }]
    }
    all = {
      ingress   = "INGRESS_TRAFFIC_ALL"
      instances = { min = 1, max = 1 }
      awake     = true
      scraped   = [9090, 9091]
      containers = [
        {
          name      = "webhook"
          image     = try(var.images.webhook, null)
          args      = ["--role", "all"]
          resources = { cpu = "1", memory = "512Mi" }
          port      = 8080
          probe     = 9090
          mounts    = ["configuration", "webhook", "github"]
          env       = merge(local.common, local.webhook, local.app, { GANGWAY_METRICS_ADDR = ":9090" })
        },
        {
          name      = "aggregator"
          image     = try(var.images.aggregator, null)
          args      = []
          resources = { cpu = "1", memory = "2Gi" }
          port      = null
          probe     = 9091
          mounts    = ["configuration", "github", "work"]
          env = merge(local.common, local.app, local.terraform, {
            GANGWAY_METRICS_ADDR        = ":9091"
            GANGWAY_TERRAFORM_PROCESSES = "2"
          })
        },
      ]
    }
  }

  sidecar_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:1.2.0"
}

resource "google_cloud_run_v2_service" "gangway" {
  for_each = { for name, service in local.run : name => service if contains(local.running, name) }

  project             = var.project
  location            = var.region
  name                = "${var.installation}-${each.key}"
  labels              = local.labels
  ingress             = each.value.ingress
  deletion_protection = false # it holds nothing: all that is known is in the store and the buckets

  template {
    service_account                  = google_service_account.account[local.runs_as[each.key]].email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2" # mounting a bucket needs it
    timeout                          = "30s"
    max_instance_request_concurrency = 80
    labels                           = local.labels

    scaling {
      min_instance_count = each.value.instances.min
      max_instance_count = each.value.instances.max
    }

    dynamic "containers" {
      for_each = each.value.containers

      content {
        name  = containers.value.name
        image = containers.value.image
        args  = containers.value.args

        resources {
          limits            = containers.value.resources
          cpu_idle          = !each.value.awake
          startup_cpu_boost = true
        }

        dynamic "ports" {
          for_each = containers.value.port == null ? [] : [containers.value.port]
          content {
            container_port = ports.value
          }
        }

        dynamic "env" {
          for_each = containers.value.env
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "volume_mounts" {
          for_each = containers.value.mounts
          content {
            name       = volume_mounts.value
            mount_path = local.mounts[volume_mounts.value]
          }
        }

        # It lives once the configuration was read and all clients were made. Whether store and GitHub answer (/readyz) must not
        # decide about the start: previews are taken in without GitHub, and whoever waits for the store does so by itself.
        startup_probe {
          period_seconds    = 2
          timeout_seconds   = 2
          failure_threshold = 30
          http_get {
            path = "/livez"
            port = containers.value.probe
          }
        }

        # An outage of the store must not restart it either, and with it Terraform.
        liveness_probe {
          period_seconds    = 15
          timeout_seconds   = 5
          failure_threshold = 4
          http_get {
            path = "/livez"
            port = containers.value.probe
          }
        }
      }
    }

    # https://cloud.google.com/stackdriver/docs/managed-prometheus/cloudrun-sidecar
    dynamic "containers" {
      for_each = contains(local.scraped, each.key) ? [local.sidecar_image] : []

      content {
        name       = "metrics"
        image      = containers.value
        depends_on = each.value.containers[*].name

        resources {
          limits   = { cpu = "1", memory = "256Mi" }
          cpu_idle = !each.value.awake
        }

        volume_mounts {
          name       = "metrics"
          mount_path = "/etc/rungmp"
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(flatten(each.value.containers[*].mounts), "configuration") ? [google_storage_bucket.configuration.name] : []
      content {
        name = "configuration"
        gcs {
          bucket    = volumes.value
          read_only = true
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(flatten(each.value.containers[*].mounts), "webhook") ? [google_secret_manager_secret.secret["webhook-secrets"].secret_id] : []
      content {
        name = "webhook"
        secret {
          secret = volumes.value
          items {
            path    = basename(local.webhook_secrets_file)
            version = "latest"
          }
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(flatten(each.value.containers[*].mounts), "github") ? [google_secret_manager_secret.secret["github-app-key"].secret_id] : []
      content {
        name = "github"
        secret {
          secret = volumes.value
          items {
            path    = basename(local.app_key_file)
            version = "latest"
          }
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(flatten(each.value.containers[*].mounts), "work") ? ["1Gi"] : []
      content {
        name = "work"
        empty_dir {
          medium     = "MEMORY"
          size_limit = volumes.value
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(local.scraped, each.key) ? [google_secret_manager_secret.metrics[each.key].secret_id] : []
      content {
        name = "metrics"
        secret {
          secret = volumes.value
          items {
            path    = "config.yaml"
            version = "latest"
          }
        }
      }
    }
  }

  # Releases are put on the services by cloudbuild/gangway.yaml, which must not be undone here.
  lifecycle {
    ignore_changes = [
      client,
      client_version,
      template[0].containers[0].image,
      template[0].containers[1].image,
    ]
  }

  # Cloud Run refuses a revision whose account can't read what it mounts.
  depends_on = [
    google_secret_manager_secret_iam_member.webhook_secrets,
    google_secret_manager_secret_iam_member.app_key_intake,
    google_secret_manager_secret_iam_member.app_key_aggregator,
    google_secret_manager_secret_iam_member.metrics,
    google_storage_bucket_iam_member.configuration_receive,
    google_storage_bucket_iam_member.configuration_intake,
    google_storage_bucket_iam_member.configuration_aggregator,
    google_project_iam_member.intake_store,
    google_project_iam_member.aggregator_store,
  ]
}

# GitHub signs what it delivers, but has no account: the receiver, and nothing else, may be called by anybody.
resource "google_cloud_run_v2_service_iam_member" "receive" {
  count = var.images == null ? 0 : 1

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.gangway[local.receiver].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_service_iam_member" "release" {
  for_each = local.running

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.gangway[each.key].name
  role     = google_project_iam_custom_role.role["release_services"].id
  member   = local.release
}

# What the sidecar scrapes. It reads a file, and a file can only come from a secret; there is nothing secret in it.

resource "google_secret_manager_secret" "metrics" {
  for_each = local.scraped

  project   = var.project
  secret_id = "${var.installation}-metrics-${each.key}"
  labels    = local.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.required]
}

resource "google_secret_manager_secret_version" "metrics" {
  for_each = local.scraped

  secret = google_secret_manager_secret.metrics[each.key].id
  secret_data = yamlencode({
    apiVersion = "monitoring.googleapis.com/v1beta"
    kind       = "RunMonitoring"
    metadata   = { name = "${var.installation}-${each.key}" }
    spec = {
      endpoints    = [for port in local.run[each.key].scraped : { port = port, path = "/metrics", interval = "30s" }]
      targetLabels = { metadata = ["service", "revision", "instance"] }
    }
  })
}

resource "google_secret_manager_secret_iam_member" "metrics" {
  for_each = local.scraped

  project   = var.project
  secret_id = google_secret_manager_secret.metrics[each.key].secret_id
  role      = google_project_iam_custom_role.role["metrics_scrape"].id
  member    = google_service_account.account[local.runs_as[each.key]].member

  depends_on = [google_secret_manager_secret_version.metrics]
}
