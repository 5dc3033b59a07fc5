# What Gangway knows of previews: one Firestore database of its own. It can be read back to any minute of the last seven days.

locals {
  # As internal/firestore/indexes.json has it; a test compares them. Firestore indexes every single field by itself, but for those
  # that are listed: too large, or asked for by nobody.
  indexes = {
    rows_due = { collection = "gangway-rows", fields = ["owner", "due"] }
  }
  unindexed = {
    rows_body     = { collection = "gangway-rows", field = "body", ttl = false }
    leases_forget = { collection = "gangway-leases", field = "forget_time", ttl = true }
  }
}

resource "google_firestore_database" "store" {
  project                           = var.project
  name                              = var.installation
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE"

  depends_on = [google_project_service.required]
}

resource "google_firestore_index" "index" {
  for_each = local.indexes

  project    = var.project
  database   = google_firestore_database.store.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }
}

# With ttl, Firestore deletes a document within a day after the time in the field.
resource "google_firestore_field" "unindexed" {
  for_each = local.unindexed

  project    = var.project
  database   = google_firestore_database.store.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}

  dynamic "ttl_config" {
    for_each = each.value.ttl ? ["on"] : []
    content {}
  }
}

# Firestore's rights are the project's; the condition keeps them to this database.
# https://cloud.google.com/firestore/docs/manage-databases#database_permissions
locals {
  only_the_store = "resource.name == \"projects/${var.project}/databases/${var.installation}\""
}

resource "google_project_iam_member" "intake_store" {
  project = var.project
  role    = google_project_iam_custom_role.role["intake_store"].id
  member  = local.intake

  condition {
    title      = "only Gangway's database"
    expression = local.only_the_store
  }
}

resource "google_project_iam_member" "aggregator_store" {
  project = var.project
  role    = google_project_iam_custom_role.role["aggregator_store"].id
  member  = local.aggregator

  condition {
    title      = "only Gangway's database"
    expression = local.only_the_store
  }
}
