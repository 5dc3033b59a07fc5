# Buckets. Names of buckets are the world's, so they begin with the project's id.

# Terraform's states of previews.
resource "google_storage_bucket" "state" {
  project                     = var.project
  name                        = "${var.project}-${var.installation}-state"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  # Of each state the last ten versions are kept, and everything of the last 30 days.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 10
      days_since_noncurrent_time = 30
    }
  }

  depends_on = [google_project_service.required]
}

locals {
  state_prefix = "gangway"
}

# Only below the prefix. A list isn't about an object, so its right goes by the prefix that is listed.
# https://cloud.google.com/iam/docs/conditions-attribute-reference
resource "google_storage_bucket_iam_member" "state" {
  bucket = google_storage_bucket.state.name
  role   = google_project_iam_custom_role.role["aggregator_state"].id
  member = local.aggregator

  condition {
    title      = "below the prefix of the states"
    expression = <<-CEL
      resource.name.startsWith("projects/_/buckets/${google_storage_bucket.state.name}/objects/${local.state_prefix}/") ||
      api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("${local.state_prefix}/")
    CEL
  }
}

# gangway.hcl, and build configurations of your own beside it. The commands see it as a mounted folder.
#
# A bucket and not a secret: a secret has one file of at most 64 KiB, and there is nothing secret in it. Versions show what was changed
# when; an older one is put back with one command.
resource "google_storage_bucket" "configuration" {
  project                     = var.project
  name                        = "${var.project}-${var.installation}-configuration"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 50
      days_since_noncurrent_time = 365
    }
  }

  depends_on = [google_project_service.required]
}

# The bucket holds nothing else, so there is no condition: mounting it lists all of it.

resource "google_storage_bucket_iam_member" "configuration_receive" {
  bucket = google_storage_bucket.configuration.name
  role   = google_project_iam_custom_role.role["receive_configuration"].id
  member = local.receive
}

resource "google_storage_bucket_iam_member" "configuration_intake" {
  bucket = google_storage_bucket.configuration.name
  role   = google_project_iam_custom_role.role["intake_configuration"].id
  member = local.intake
}

resource "google_storage_bucket_iam_member" "configuration_aggregator" {
  bucket = google_storage_bucket.configuration.name
  role   = google_project_iam_custom_role.role["aggregator_configuration"].id
  member = local.aggregator
}

# Source archives for builds, where there is no connection to GitHub. They are only needed until the build has fetched
# them.
resource "google_storage_bucket" "sources" {
  project                     = var.project
  name                        = "${var.project}-${var.installation}-sources"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 3
    }
  }

  depends_on = [google_project_service.required]
}

resource "google_storage_bucket_iam_member" "sources_intake" {
  bucket = google_storage_bucket.sources.name
  role   = google_project_iam_custom_role.role["intake_sources"].id
  member = local.intake
}

# Code of a pull request runs as this account. It may only get objects whose name it knows, and not list them; names hold the SHA.
resource "google_storage_bucket_iam_member" "sources_build" {
  for_each = local.build_accounts

  bucket = google_storage_bucket.sources.name
  role   = google_project_iam_custom_role.role["build_sources"].id
  member = google_service_account.account[each.value].member
}

# The source of Gangway itself lies apart from that of pull requests.
resource "google_storage_bucket" "release" {
  project                     = var.project
  name                        = "${var.project}-${var.installation}-release"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 3
    }
  }

  depends_on = [google_project_service.required]
}

resource "google_storage_bucket_iam_member" "release" {
  bucket = google_storage_bucket.release.name
  role   = google_project_iam_custom_role.role["release_sources"].id
  member = local.release
}
