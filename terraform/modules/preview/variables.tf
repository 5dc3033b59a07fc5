variable "project" {
  description = "Id of the Google Cloud project that holds the API and the gateway."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9.:-]{4,61}[a-z0-9]$", var.project))
    error_message = "The project is a project id, for example shop-development."
  }
}

variable "region" {
  description = "Region of the gateway: one of those that API Gateway is offered in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "The region is a Google Cloud region, for example europe-west1."
  }
}

variable "api" {
  description = "Id of the API (shard) that the config is created in; see the module gateway-apis."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.api))
    error_message = "An API id has at most 63 characters of a-z, 0-9 and hyphen, and neither begins nor ends with a hyphen."
  }
}

variable "gateway_id" {
  description = "Id of the gateway. Changing it makes a new gateway with another hostname."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,47}[a-z0-9])?$", var.gateway_id))
    error_message = "A gateway id has at most 49 characters of a-z, 0-9 and hyphen, and neither begins nor ends with a hyphen."
  }
}

variable "config_id" {
  description = "Id of the API config. A config's content can't be changed, so the id must differ with the document and the service account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.config_id))
    error_message = "An API config id has at most 63 characters of a-z, 0-9 and hyphen, and neither begins nor ends with a hyphen."
  }
}

variable "document_file" {
  description = "Path of the gateway document: OpenAPI 2.0 in YAML or JSON."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("\\.(yaml|yml|json)$", var.document_file))
    error_message = "API Gateway accepts documents whose names end in .yaml, .yml or .json."
  }
}

variable "backend_service_account" {
  description = "E-mail of the service account that the gateway calls its backends as; it needs roles/run.invoker on them."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+$", var.backend_service_account))
    error_message = "The backend service account is given by its e-mail address."
  }
}

variable "labels" {
  description = "Labels of the config and of the gateway."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for k, v in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", k)) && can(regex("^[a-z0-9_-]{0,63}$", v))])
    error_message = "Keys and values of labels have at most 63 characters of a-z, 0-9, underscore and hyphen; a key begins with a letter."
  }
}
