variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9.:-]{4,61}[a-z0-9]$", var.project))
    error_message = "The project is a project id, for example shop-development."
  }
}

variable "api_ids" {
  description = "Ids of the APIs. Previews are spread over them, because API Gateway creates one config at a time in each. Append, don't reorder."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.api_ids) <= 50 && length(distinct(var.api_ids)) == length(var.api_ids)
    error_message = "A project can have 50 APIs; each id is given once."
  }

  validation {
    condition     = alltrue([for id in var.api_ids : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", id))])
    error_message = "An API id has at most 63 characters of a-z, 0-9 and hyphen, and neither begins nor ends with a hyphen."
  }
}

variable "labels" {
  description = "Labels of the APIs."
  type        = map(string)
  default     = {}
  nullable    = false
}
