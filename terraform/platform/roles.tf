# What each account of Gangway may do: every permission, and which call needs it. Nothing here ends in setIamPolicy, and
# nothing is granted that isn't listed here, but for what Google's own service agents need (pubsub.tf, secrets.tf).
#
# An account has one custom role for each kind of thing that it works with, so that each can be bound where the thing is: on a topic,
# a bucket, a Cloud Run service, an account. The lists are literal: package internal/platform reads them, and the emulators of
# the tests grant exactly these.

locals {
  permissions = {
    # Takes GitHub's deliveries in. It knows no GitHub key and can change nothing on Google Cloud.
    receive = {
      # Publish on the topic pull-requests.
      topics = ["pubsub.topics.publish"]

      # Read the configuration, which is a mounted bucket.
      configuration = ["storage.objects.get", "storage.objects.list"]

      # Read the webhook secrets, which are a mounted secret.
      secrets = ["secretmanager.versions.access"]
    }

    # Decides what is wanted, builds it and makes revisions of it.
    intake = {
      # Publish on the topics previews and revisions.
      topics = ["pubsub.topics.publish"]

      # StreamingPull, Acknowledge and ModifyAckDeadline on its two subscriptions.
      subscriptions = ["pubsub.subscriptions.consume"]

      configuration = ["storage.objects.get", "storage.objects.list"]

      # Read the GitHub App's private key, which is a mounted secret.
      secrets = ["secretmanager.versions.access"]

      # Transactions over rows and leases. "databases.get" is what BeginTransaction and Rollback ask for.
      # https://firebase.google.com/docs/firestore/security/iam
      store = [
        "datastore.databases.get",
        "datastore.entities.create",
        "datastore.entities.delete",
        "datastore.entities.get",
        "datastore.entities.list",
        "datastore.entities.update",
      ]

      # CreateBuild, GetBuild, ListBuilds (is there one already?), CancelBuild (asks for update).
      builds = [
        "cloudbuild.builds.create",
        "cloudbuild.builds.get",
        "cloudbuild.builds.list",
        "cloudbuild.builds.update",
      ]

      # Read the log of the step that failed, for the pull request. Entries have no policy of their own: this reads all logs of the
      # project.
      logs = ["logging.logEntries.list"]

      # Put the archive of a commit where builds fetch it, unless it is there.
      sources = ["storage.objects.create", "storage.objects.get"]

      # GetService and GetRevision; UpdateService, which makes a revision without traffic and moves its tag.
      services = [
        "run.revisions.get",
        "run.services.get",
        "run.services.update",
      ]

      # ListServices of the region, to count tags before one more is set. A list is the project's.
      inventory = ["run.services.list"]

      # UpdateService asks the caller whether it may read the image that it deploys.
      # https://cloud.google.com/run/docs/deploying
      images = ["artifactregistry.repositories.downloadArtifacts"]

      # Start builds as the build account, and revisions as the preview account (or as those that var.runtime_accounts names).
      # Cloud Run asks for it with every change of a service, on the account that its template names.
      accounts = ["iam.serviceAccounts.actAs"]
    }

    # Makes gateways, reports, and takes everything in.
    aggregator = {
      # StreamingPull, Acknowledge and ModifyAckDeadline on its two subscriptions. It publishes nothing.
      subscriptions = ["pubsub.subscriptions.consume"]

      configuration = ["storage.objects.get", "storage.objects.list"]

      # Read the GitHub App's private key, which is a mounted secret.
      secrets = ["secretmanager.versions.access"]

      # Transactions over rows and leases.
      store = [
        "datastore.databases.get",
        "datastore.entities.create",
        "datastore.entities.delete",
        "datastore.entities.get",
        "datastore.entities.list",
        "datastore.entities.update",
      ]

      # Terraform's states and locks below the prefix: read, write (over an old one asks for delete too), lock, unlock, list.
      # https://cloud.google.com/storage/docs/access-control/iam-json
      state = [
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
      ]

      # Terraform makes, changes and deletes configs and gateways, and polls operations; the sweep lists and deletes what is left.
      gateways = [
        "apigateway.apiconfigs.create",
        "apigateway.apiconfigs.delete",
        "apigateway.apiconfigs.get",
        "apigateway.apiconfigs.list",
        "apigateway.apiconfigs.update",
        "apigateway.gateways.create",
        "apigateway.gateways.delete",
        "apigateway.gateways.get",
        "apigateway.gateways.list",
        "apigateway.gateways.update",
        "apigateway.operations.get",
      ]

      # GetService and GetRevision to compose; UpdateService to take a tag away, and to put back the template that was there
      # before; ListRevisions and DeleteRevision for our own revisions once they are retired.
      services = [
        "run.revisions.delete",
        "run.revisions.get",
        "run.revisions.list",
        "run.services.get",
        "run.services.update",
      ]

      # ListServices of the region, to count tags before Cloud Run deletes the oldest. A list is the project's.
      inventory = ["run.services.list"]

      # Configs call the services as the gateway account; a change of a service asks for actAs on the account that it runs as.
      accounts = ["iam.serviceAccounts.actAs"]
    }

    # Image builds: they run the code of pull requests. With var.forks, code from forks has an account of its own, with the same
    # rights on a repository of its own.
    build = {
      # Push an image and its cache, and pull the cache again.
      images = [
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.get",
        "artifactregistry.repositories.uploadArtifacts",
        "artifactregistry.tags.create",
        "artifactregistry.tags.get",
        "artifactregistry.tags.update",
      ]

      # Write the build's log (CLOUD_LOGGING_ONLY). Logs have no policy of their own, so this is bound on the project.
      logs = ["logging.logEntries.create"]

      # Fetch the archive of the commit.
      sources = ["storage.objects.get"]
    }

    # The account that API Gateway calls the services as.
    gateway = {
      services = ["run.routes.invoke"]
    }

    # The account that revisions of pull requests run as, and so the code of pull requests.
    preview = {
      # Only on the services that var.preview_may_call names: none, unless you say so.
      services = ["run.routes.invoke"]
    }
  }

  # Rights that aren't needed to serve previews.
  extra_permissions = {
    # cloudbuild/gangway.yaml: builds Gangway itself and puts the new images on its own Cloud Run services.
    release = {
      images = [
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.get",
        "artifactregistry.repositories.uploadArtifacts",
        "artifactregistry.tags.create",
        "artifactregistry.tags.get",
        "artifactregistry.tags.update",
      ]
      logs    = ["logging.logEntries.create"]
      sources = ["storage.objects.get"]

      # gcloud run services update reads the service, replaces it, and reads it until it is ready.
      services = ["run.services.get", "run.services.update"]
      accounts = ["iam.serviceAccounts.actAs"]
    }

    # gangway deploy, run by a pipeline of a team's own (var.pipelines), for services that it builds itself.
    pipeline = {
      # GetService and GetRevision; UpdateService, which makes a revision without traffic and sets its tag.
      services = [
        "run.revisions.get",
        "run.services.get",
        "run.services.update",
      ]

      # Publish on the topic revisions. It is a hint like any other: what it says is looked at, not believed.
      topics   = ["pubsub.topics.publish"]
      accounts = ["iam.serviceAccounts.actAs"]
    }

    # The managed Prometheus sidecar writes what it has scraped.
    metrics = {
      series = ["monitoring.timeSeries.create"]

      # Read which ports to scrape, which is a mounted secret of its own.
      scrape = ["secretmanager.versions.access"]
    }
  }

  # One custom role for each account and kind of thing: "intake_services" and so on.
  roles = merge([
    for account, kinds in merge(local.permissions, local.extra_permissions) : {
      for kind, list in kinds : "${account}_${kind}" => { account = account, kind = kind, permissions = list }
    }
  ]...)
}

resource "google_project_iam_custom_role" "role" {
  for_each = local.roles

  project     = var.project
  role_id     = "${replace(var.installation, "-", "_")}_${each.key}"
  title       = "Gangway ${each.value.account}: ${each.value.kind}"
  permissions = each.value.permissions

  depends_on = [google_project_service.required]
}
