# Images, and where builds get their source from.

# Images of pull requests, and, apart from them, of those from forks. What is older than two weeks goes, but for the newest of
# each service: Cloud Run has a copy of what it has deployed.
# https://cloud.google.com/run/docs/deploying
resource "google_artifact_registry_repository" "previews" {
  for_each = local.build_accounts

  project       = var.project
  location      = var.region
  repository_id = each.value == "fork" ? "${var.installation}-forks" : "${var.installation}-previews"
  format        = "DOCKER"
  labels        = local.labels

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "14d"
    }
  }

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.required]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  for_each = local.build_accounts

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.previews[each.value].name
  role       = google_project_iam_custom_role.role["build_images"].id
  member     = google_service_account.account[each.value].member
}

resource "google_artifact_registry_repository_iam_member" "intake" {
  for_each = local.build_accounts

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.previews[each.value].name
  role       = google_project_iam_custom_role.role["intake_images"].id
  member     = local.intake
}

# Gangway's own images. No account that runs code of a pull request can write here.
resource "google_artifact_registry_repository" "own" {
  project       = var.project
  location      = var.region
  repository_id = var.installation
  format        = "DOCKER"
  labels        = local.labels

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "90d"
    }
  }

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.required]
}

resource "google_artifact_registry_repository_iam_member" "release" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.own.name
  role       = google_project_iam_custom_role.role["release_images"].id
  member     = local.release
}

# Cloud Build's connection to GitHub, if asked for. Its GitHub App and token are Google's and yours, not Gangway's.
# https://cloud.google.com/build/docs/automating-builds/github/connect-repo-github

resource "google_secret_manager_secret_iam_member" "connection_token" {
  count = var.github_connection == null ? 0 : 1

  project   = var.project
  secret_id = var.github_connection.token_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = local.cloud_build_agent

  depends_on = [google_project_service_identity.agent]
}

resource "google_cloudbuildv2_connection" "github" {
  count = var.github_connection == null ? 0 : 1

  project  = var.project
  location = var.region
  name     = "${var.installation}-github"

  github_config {
    app_installation_id = var.github_connection.app_installation_id

    authorizer_credential {
      oauth_token_secret_version = "projects/${var.project}/secrets/${var.github_connection.token_secret}/versions/latest"
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.connection_token]
}

resource "google_cloudbuildv2_repository" "repository" {
  for_each = var.github_connection == null ? {} : var.github_connection.repositories

  project           = var.project
  location          = var.region
  name              = each.key
  parent_connection = google_cloudbuildv2_connection.github[0].id
  remote_uri        = each.value
}
