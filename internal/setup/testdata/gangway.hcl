# The configuration of Gangway, begun by `gangway init`. gangway.example.hcl tells of everything that it may hold.
# What begins with "# TO DO" is for you to fill in; until then, every command says what is missing, with line and column.
installation = "acme"

# TO DO: the repositories that the services live in.
# repository "OWNER/NAME" {}

previews {
  environment  = "development"
  expire_after = "72h"
  limit        = 30
}

environment "development" {
  project = "acme-dev"
  region  = "europe-west1"

  # As terraform/platform calls them; its outputs have them too.
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/acme-previews"
    service_account = "acme-build@acme-dev.iam.gserviceaccount.com"
  }

  gateway "shop" {
    apis                    = ["acme-previews-1", "acme-previews-2"]
    backend_service_account = "acme-gateway@acme-dev.iam.gserviceaccount.com"

    # TO DO: how callers identify themselves, if the services' documents say so.
    # security "firebase" {
    #   firebase {
    #     project = "acme-dev"
    #   }
    # }

    service "orders" {
      # TO DO: the repository, what changes the service in it, and where its OpenAPI document is.
      # repository = "OWNER/NAME"
      # paths      = ["orders/**"]
      # openapi    = "orders/openapi.yaml"

      # A revision of a pull request runs as this account, on other data than the live one.
      preview {
        service_account = "acme-preview@acme-dev.iam.gserviceaccount.com"
      }
    }

    service "users" {
      # Its traffic follows the latest revision. When this file is complete: gangway pin users
      # Its ingress is internal, and API Gateway comes from outside: it has to be all.
      # TO DO: the repository, what changes the service in it, and where its OpenAPI document is.
      # repository = "OWNER/NAME"
      # paths      = ["users/**"]
      # openapi    = "users/openapi.yaml"
      commit_label = "z"

      # A revision of a pull request runs as this account, on other data than the live one.
      preview {
        service_account = "acme-preview@acme-dev.iam.gserviceaccount.com"
      }
    }

    service "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" {
      # Its live revision could not be read: does it have a label with the commit it was built from?
      # Its name has 38 characters, and with a preview's tag only 37 fit: it has to be renamed.
      # TO DO: the repository, what changes the service in it, and where its OpenAPI document is.
      # repository = "OWNER/NAME"
      # paths      = ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/**"]
      # openapi    = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/openapi.yaml"

      # A revision of a pull request runs as this account, on other data than the live one.
      preview {
        service_account = "acme-preview@acme-dev.iam.gserviceaccount.com"
      }
    }

    service "catalog" {
      # Its live revision has no label with the commit it was built from: deploy it with --labels=commit-sha=SHA.
      # TO DO: the repository, what changes the service in it, and where its OpenAPI document is.
      # repository = "OWNER/NAME"
      # paths      = ["catalog/**"]
      # openapi    = "catalog/openapi.yaml"

      # A revision of a pull request runs as this account, on other data than the live one.
      preview {
        service_account = "acme-preview@acme-dev.iam.gserviceaccount.com"
      }
    }
  }
}
