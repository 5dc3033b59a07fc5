# The configuration of Gangway, with everything that it knows. What is commented out is optional; where it is an
# attribute, the value is the default, or an example where the default is "nothing".
#
# Values are written out: there are no variables, functions or expressions. There are no secrets in here either, only
# names of secrets in Secret Manager. Whatever is wrong is reported when the file is read, all at once, with line and
# column.

# Keeps several installations of Gangway in one project apart: every object on Google Cloud carries it as a label.
# At most 20 characters. Don't change it while previews are live.
installation = "acme"

# The repositories that the services live in, as owner/name.
repository "acme/shop" {
  # Cloud Build's connection to the repository. Without it, builds get the commit's files by source_bucket of the
  # environment's build block, or clone from GitHub, which works for public repositories only.
  # connection = "projects/acme-dev/locations/europe-west1/connections/github/repositories/acme-shop"
}

# Which pull requests get a preview, and how.
previews {
  # The environment that previews live in. May be left out when there is only one.
  environment = "development"

  # Also pull requests that are drafts.
  # drafts = false

  # Pull requests from forks: "never", or "approved": once somebody who may write to the repository has put the
  # label "preview:" followed by the head SHA on it. A push needs a new approval.
  # forks = "never"

  # Bots whose pull requests get a preview. Those of all other bots don't.
  bots = ["dependabot[bot]"]

  # Only pull requests with this label; never pull requests with that one.
  # require_label = "preview"
  # exclude_label = "no-preview"

  # A preview is removed when nobody has pushed for so long; "0s" is never.
  expire_after = "72h"

  # Live previews in one gateway at most; 0 is no limit. API Gateway allows 50 gateways in a region of a project.
  limit = 30

  # The path that the link on the pull request opens. Without it, the first public GET without parameters.
  # open = "/products"

  # The path that has to answer before the link is posted. Without it, the path that the link opens.
  # probe = "/products"

  # Who may call a preview: "baseline" is whoever may call the environment; "api_key" asks for a key on every operation
  # in addition (every gateway of the environment then needs a security definition with api_key).
  # access = "baseline"
}

# A project and a region with gateways.
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"

  # How the images of previews are built.
  build {
    # Where they are pushed to.
    images = "europe-west1-docker.pkg.dev/acme-dev/previews"

    # The account that builds run as. It runs code of pull requests: it may push to the image repository and write
    # logs, nothing else.
    service_account = "preview-build@acme-dev.iam.gserviceaccount.com"

    # The bucket through which builds get the files of a commit, for repositories without a connection: Gangway fetches
    # them from GitHub and puts them there. No build gets a token of GitHub's. Objects are not needed any more after a day.
    # source_bucket = "acme-dev-gangway-sources"

    # Builds of pull requests from forks, once they are approved. They never share a cache with others. With another
    # account and image repository they can't even write where the other builds read.
    fork {
      images          = "europe-west1-docker.pkg.dev/acme-dev/fork-previews"
      service_account = "fork-build@acme-dev.iam.gserviceaccount.com"
    }

    # Cloud Build's region; by default the environment's.
    # region = "europe-west1"

    # How long a build may run, and wait before it runs.
    # timeout       = "20m"
    # queue_timeout = "30m"
  }

  # A named set of services behind one API gateway. At most 32 characters.
  gateway "shop" {
    # Title of the composed document; by default the gateway's name.
    title = "Shop"

    # The version of OpenAPI that the composed document is written in: "2.0" or "3.0". Without it, 2.0 when the documents
    # of all services are 2.0, else 3.0. With "2.0", a service's document in 3.0 or 3.1 is refused.
    # openapi = "3.0"

    # The APIs on API Gateway that previews share (terraform/modules/gateway-apis makes them). An API creates one config
    # at a time, so more of them let more previews update at once.
    apis = ["shop-previews-1", "shop-previews-2"]

    # The account with which the gateway calls the services: it needs roles/run.invoker on them.
    backend_service_account = "shop-gateway@acme-dev.iam.gserviceaccount.com"

    # Where the environment's own gateway is, for links.
    url = "https://shop-1a2b3c4d.ew.gateway.dev"

    # How callers identify themselves. The services' documents refer to these names.
    security "firebase" {
      firebase {
        project = "acme-dev"

        # Only when the tokens come from somewhere else, for example from an emulator.
        # issuer   = "https://securetoken.google.com/acme-dev"
        # jwks_uri = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
      }
    }

    security "partners" {
      jwt {
        issuer    = "https://login.example.com"
        jwks_uri  = "https://login.example.com/.well-known/jwks.json"
        audiences = ["https://api.example.com"]
      }
    }

    security "api_key" {
      api_key {
        in   = "header" # or "query"
        name = "x-api-key"
      }
    }

    service "catalog" {
      repository = "acme/shop"
      paths      = ["catalog/**", "go.mod", "go.sum"]
      openapi    = "catalog/openapi.yaml"
    }

    service "orders" {
      repository = "acme/shop"

      # What changes the service: globs over the repository's paths. ** is any folders, {a,b} one or the other.
      paths = ["orders/**", "go.mod", "go.sum"]

      # The service's OpenAPI document in the repository.
      openapi = "orders/openapi.yaml"

      # The service's name on Cloud Run; by default the name above. At most 37 characters.
      # cloud_run = "orders"

      # The label of a revision that holds the commit it was built from.
      # commit_label = "commit-sha"

      build {
        # A Cloud Build configuration beside this file, instead of Gangway's own cloudbuild/preview.yaml.
        # config = "orders-build.yaml"

        # Paths in the repository; by default the folder of the OpenAPI document, and the Dockerfile in it.
        context    = "."
        dockerfile = "orders/Dockerfile"

        # A compose file whose service "test" must succeed before the image is used.
        compose_test = "orders/compose.test.yaml"

        # With true nothing is built: a pipeline of your own does that, and deploys the image with "gangway deploy".
        # pipeline = false
      }

      # Another service of this gateway that this one calls. In a preview that changes both, the address is that of the
      # pull request's revision.
      calls "catalog" {
        url_env = "CATALOG_URL"

        # The audience of the ID token for the call; without it the service has to know it.
        audience_env = "CATALOG_AUDIENCE"
      }

      # What a preview's revision is given differently from the live one's, so that it works on other data.
      preview {
        service_account = "orders-preview@acme-dev.iam.gserviceaccount.com"

        env = {
          STAGE = "preview"
        }

        # An environment variable from Secret Manager.
        secret "DB_PASSWORD" {
          name = "orders-preview-db-password"

          # version = "latest"
        }
      }
    }
  }
}
