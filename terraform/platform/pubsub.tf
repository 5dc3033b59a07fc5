# Hints between the parts. Topics and subscriptions have the names that the code knows.

locals {
  # Each topic with who publishes on it.
  topics = {
    pull-requests = local.receive
    cloud-builds  = local.cloud_build_agent
    previews      = local.intake
    revisions     = local.intake
  }

  # Each subscription with its topic and who reads it.
  subscriptions = {
    intake-pull-requests = { topic = "pull-requests", reader = local.intake }
    intake-cloud-builds  = { topic = "cloud-builds", reader = local.intake }
    aggregator-previews  = { topic = "previews", reader = local.aggregator }
    aggregator-revisions = { topic = "revisions", reader = local.aggregator }
  }

  # The custom role of each member that isn't one of Google's agents.
  publishers = {
    pull-requests = google_project_iam_custom_role.role["receive_topics"].id
    cloud-builds  = "roles/pubsub.publisher"
    previews      = google_project_iam_custom_role.role["intake_topics"].id
    revisions     = google_project_iam_custom_role.role["intake_topics"].id
  }
  readers = {
    intake-pull-requests = google_project_iam_custom_role.role["intake_subscriptions"].id
    intake-cloud-builds  = google_project_iam_custom_role.role["intake_subscriptions"].id
    aggregator-previews  = google_project_iam_custom_role.role["aggregator_subscriptions"].id
    aggregator-revisions = google_project_iam_custom_role.role["aggregator_subscriptions"].id
  }
}

# Cloud Build tells of every build of the project on the topic cloud-builds, if it exists.
# https://cloud.google.com/build/docs/subscribe-build-notifications
resource "google_pubsub_topic" "topic" {
  for_each = local.topics

  project = var.project
  name    = each.key
  labels  = local.labels

  depends_on = [google_project_service.required]
}

resource "google_pubsub_topic_iam_member" "publish" {
  for_each = local.topics

  project = var.project
  topic   = google_pubsub_topic.topic[each.key].name
  role    = local.publishers[each.key]
  member  = each.value

  depends_on = [google_project_service_identity.agent]
}

resource "google_pubsub_subscription" "subscription" {
  for_each = local.subscriptions

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s" # 7 days

  # Otherwise it would be deleted after 31 days without a reader.
  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # With the pauses above, 20 attempts are about two hours: longer than what passes by itself.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter[each.key].id
    max_delivery_attempts = 20
  }
}

resource "google_pubsub_subscription_iam_member" "read" {
  for_each = local.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = local.readers[each.key]
  member       = each.value.reader
}

# Dead letters, kept apart for each subscription, so that they can be looked at and sent back to where they belong.

resource "google_pubsub_topic" "dead_letter" {
  for_each = local.subscriptions

  project = var.project
  name    = "${each.key}-dead-letter"
  labels  = local.labels

  depends_on = [google_project_service.required]
}

resource "google_pubsub_subscription" "dead_letter" {
  for_each = local.subscriptions

  project                    = var.project
  name                       = "${each.key}-dead-letter"
  topic                      = google_pubsub_topic.dead_letter[each.key].id
  labels                     = local.labels
  message_retention_duration = "2678400s" # 31 days, the longest

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub's own agent moves them: it publishes on the topic of dead letters, and takes the message off the subscription.
# https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions

resource "google_pubsub_topic_iam_member" "dead_letter_publish" {
  for_each = local.subscriptions

  project = var.project
  topic   = google_pubsub_topic.dead_letter[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent

  depends_on = [google_project_service_identity.agent]
}

resource "google_pubsub_subscription_iam_member" "dead_letter_forward" {
  for_each = local.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  depends_on = [google_project_service_identity.agent]
}
