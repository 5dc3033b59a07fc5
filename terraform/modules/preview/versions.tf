terraform {
  required_version = ">= 1.9"

  required_providers {
    # The GA provider has no API Gateway resources.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 7.45"
    }
  }
}
