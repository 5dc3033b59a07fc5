variable "project" {
  description = "Id of the Google Cloud project that Gangway is installed in: that of the environment which previews live in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "The project is a project id, for example shop-development."
  }
}

variable "region" {
  description = "Region of everything that has one: that of the environment's Cloud Run services. API Gateway has to be offered there."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "The region is a Google Cloud region, for example europe-west1."
  }
}

variable "installation" {
  description = "What everything is named after; the same as installation in gangway.hcl. Two installations need two projects, because topics have fixed names."
  type        = string
  default     = "gangway"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}[a-z0-9]$", var.installation))
    error_message = "The installation has 3 to 19 characters of a-z, 0-9 and hyphen: ids of service accounts are made of it."
  }
}

variable "labels" {
  description = "Further labels for everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for k, v in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", k)) && can(regex("^[a-z0-9_-]{0,63}$", v))])
    error_message = "Keys and values of labels have at most 63 characters of a-z, 0-9, underscore and hyphen; a key begins with a letter."
  }

  validation {
    condition     = alltrue([for k in keys(var.labels) : !startswith(k, "gangway")])
    error_message = "Labels that begin with gangway are Gangway's own: the sweep goes by them."
  }
}

# What Gangway may touch

variable "services" {
  description = "Names of the Cloud Run services that pull requests change: those of gangway.hcl. They have to exist. Rights are given on these services only."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for s in var.services : can(regex("^[a-z]([a-z0-9-]{0,35}[a-z0-9])?$", s))])
    error_message = "A service is named as on Cloud Run, without project and region; with more than 37 characters there is no room for a tag."
  }
}

variable "runtime_accounts" {
  description = "E-mails of the accounts that the services run as, and of further ones that revisions of pull requests shall run as. Gangway must be allowed to act as them: Cloud Run asks for that when it changes a service, and when it puts back the template that was there before a preview."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for a in var.runtime_accounts : can(regex("^[^@\\s]+@[a-z0-9.-]+\\.iam\\.gserviceaccount\\.com$", a))])
    error_message = "A runtime account is the e-mail address of a service account that was made in a project. The default account of Compute Engine isn't one: it can do too much."
  }
}

variable "forks" {
  description = "Whether pull requests from forks may be built once somebody has approved their commit (previews.forks in gangway.hcl): makes an account and an image repository of their own."
  type        = bool
  default     = false
  nullable    = false
}

variable "pipelines" {
  description = "E-mails of the accounts that teams' own pipelines run gangway deploy as, for services with pipeline = true in gangway.hcl."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "preview_may_call" {
  description = "Those of the services that revisions of pull requests may call as the preview account: the services that gangway.hcl has calls blocks for."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.preview_may_call, var.services)) == 0
    error_message = "preview_may_call names a service that services doesn't."
  }
}

variable "api_shards" {
  description = "How many APIs previews share. An API creates one config at a time; up to 100 previews fit in one. More can be added later; don't take any away while previews are live."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.api_shards >= 1 && var.api_shards <= 20 && floor(var.api_shards) == var.api_shards
    error_message = "There are 1 to 20 API shards."
  }
}

variable "api_keys" {
  description = "Whether the shards accept API keys of this project. Their managed services exist only once they have had a config: so leave this false until the first preview has been live."
  type        = bool
  default     = false
  nullable    = false
}

variable "github_connection" {
  description = "Cloud Build's connection to GitHub; without it builds get their source from Gangway. token_secret is the id of a secret with a token of a GitHub user; repositories are names with their https URL."
  type = object({
    app_installation_id = number
    token_secret        = string
    repositories        = map(string)
  })
  default = null

  validation {
    condition     = var.github_connection == null ? true : alltrue([for url in values(var.github_connection.repositories) : can(regex("^https://[^/]+/[^/]+/[^/]+\\.git$", url))])
    error_message = "A repository is given by its URL, as https://github.com/acme/shop.git."
  }
}

# How Gangway itself runs

variable "images" {
  description = "Gangway's images, by digest. Without them nothing runs yet: that is the first apply, before there is anything to run. Later releases are put on the services by cloudbuild/gangway.yaml."
  type = object({
    webhook    = string
    aggregator = string
  })
  default = null

  validation {
    condition     = var.images == null ? true : alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image is given by its digest, as REPOSITORY/webhook@sha256:…; a tag can be moved."
  }
}

variable "github_app_id" {
  description = "The GitHub App's numeric id, which gangway init prints. Needed with images."
  type        = number
  default     = null

  validation {
    condition     = var.github_app_id == null ? var.images == null : var.github_app_id > 0
    error_message = "With images, github_app_id has to be given: the number that gangway init prints."
  }
}

variable "layout" {
  description = "separate: three Cloud Run services, each with its own rights. small: everything in one instance with one account; 3 CPUs that are always awake instead of 5 (2 instead of 3 without metrics), but whoever breaks into the public part has all rights."
  type        = string
  default     = "separate"
  nullable    = false

  validation {
    condition     = contains(["separate", "small"], var.layout)
    error_message = "The layout is separate or small."
  }
}

variable "aggregator_instances" {
  description = "Instances of the aggregator (layout separate): 1, or 2 so that previews go on while one is replaced."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2], var.aggregator_instances)
    error_message = "The aggregator has 1 or 2 instances."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the database, the secrets and buckets with content. Set to false, and apply, before you remove Gangway."
  type        = bool
  default     = true
  nullable    = false
}

# How you hear of it

variable "metrics" {
  description = "Whether a sidecar hands Gangway's own metrics to Managed Service for Prometheus. Without it, the dashboard and alerts that need them are left out."
  type        = bool
  default     = true
  nullable    = false
}

variable "alert_emails" {
  description = "Addresses that alerts are sent to."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "alert_channels" {
  description = "Names of notification channels that alerts are sent to too, as projects/PROJECT/notificationChannels/ID."
  type        = set(string)
  default     = []
  nullable    = false
}
