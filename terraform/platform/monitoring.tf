# What an operator should see, and hear of. docs/operations.md tells for each alert what it means and what to do.

locals {
  channels = concat(sort(var.alert_channels), [for c in google_monitoring_notification_channel.email : c.id])

  # Alerts over the metrics of Google Cloud: a filter, what is too much, and for how long.
  cloud_alerts = {
    dead-letters = {
      title     = "dead letters"
      filter    = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.labels.subscription_id = monitoring.regex.full_match(\"(${join("|", keys(local.subscriptions))})-dead-letter\")"
      aligner   = "ALIGN_MAX"
      above     = 0
      duration  = "0s"
      by        = "resource.label.subscription_id"
      reducer   = "REDUCE_MAX"
      severity  = "ERROR"
      documents = "A message was given up after 20 attempts. The sweep has probably done its work; the message shows what fails."
    }
    hints-not-taken = {
      title     = "hints that nobody takes"
      filter    = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.labels.subscription_id = monitoring.regex.full_match(\"${join("|", keys(local.subscriptions))}\")"
      aligner   = "ALIGN_MAX"
      above     = 900
      duration  = "300s"
      by        = "resource.label.subscription_id"
      reducer   = "REDUCE_MAX"
      severity  = "CRITICAL"
      documents = "A hint is older than 15 minutes: the intake or the aggregator doesn't run, or fails all the time."
    }
    deliveries-refused = {
      title     = "deliveries that were not accepted"
      filter    = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\" AND resource.labels.service_name = \"${var.installation}-${local.receiver}\" AND metric.labels.response_code_class = \"5xx\""
      aligner   = "ALIGN_DELTA"
      above     = 5
      duration  = "300s"
      by        = "resource.label.service_name"
      reducer   = "REDUCE_SUM"
      severity  = "WARNING"
      documents = "GitHub's deliveries are answered with 5xx: Pub/Sub doesn't take them, or the service doesn't start. GitHub keeps them for three days, and the sweep asks for them again."
    }
  }

  # Alerts over Gangway's own metrics: a query that is true when something is wrong.
  own_alerts = {
    previews-wait = {
      title     = "previews that wait"
      query     = "max(gangway_preview_waiting_seconds) > 1800"
      duration  = "300s"
      severity  = "WARNING"
      documents = "A preview has been on its way for more than half an hour."
    }
    sweep-findings = {
      title     = "findings of the sweep"
      query     = "sum by (kind) (increase(gangway_sweep_findings_total[1h])) > 0"
      duration  = "7200s"
      severity  = "WARNING"
      documents = "The sweep finds something hour after hour: what it finds isn't healed, or something makes it anew."
    }
    no-sweep = {
      title     = "no sweep"
      query     = "(sum(increase(gangway_sweeps_total{outcome=\"ok\"}[30m])) or vector(0)) < 1"
      duration  = "1800s"
      severity  = "CRITICAL"
      documents = "No sweep has ended without an error for an hour. What no hint tells of may not be healed."
    }
    quota = {
      title     = "quotas nearly used up"
      query     = "max by (quota) (gangway_quota_used_ratio) > 0.8"
      duration  = "600s"
      severity  = "WARNING"
      documents = "More than 80 % of a quota is used. At 100 % new previews wait."
    }
    errors = {
      title     = "looks that fail"
      query     = "sum by (owner) (rate(gangway_look_seconds_count{outcome=\"error\"}[15m])) / sum by (owner) (rate(gangway_look_seconds_count[15m])) > 0.2"
      duration  = "900s"
      severity  = "ERROR"
      documents = "More than a fifth of the looks at previews end with an error."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project
  type         = "email"
  display_name = "Gangway (${var.installation}): ${each.value}"
  labels       = { email_address = each.value }
  user_labels  = local.labels

  depends_on = [google_project_service.required]
}

resource "google_monitoring_alert_policy" "cloud" {
  for_each = local.cloud_alerts

  project               = var.project
  display_name          = "Gangway (${var.installation}): ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.duration

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = [each.value.by]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.documents} What to do: docs/operations.md, “${each.value.title}”."
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_project_service.required]
}

resource "google_monitoring_alert_policy" "own" {
  for_each = { for name, alert in local.own_alerts : name => alert if var.metrics && var.images != null }

  project               = var.project
  display_name          = "Gangway (${var.installation}): ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = "60s"
      # A metric is known only once it has been written, which a counter of findings may never be.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.documents} What to do: docs/operations.md, “${each.value.title}”."
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_project_service.required]
}

resource "google_monitoring_dashboard" "gangway" {
  project = var.project

  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", {
    name     = "Gangway (${var.installation})"
    receiver = "${var.installation}-${local.receiver}"
    services = join("|", sort(var.services))
    metrics  = var.metrics
    labels   = jsonencode(local.labels)
  })

  depends_on = [google_project_service.required]
}
