# syntax=docker/dockerfile:1
# Gangway's two images: --target webhook and --target aggregator. Neither has a shell, git, or rights of root. The aggregator's
# holds Terraform and the provider that the modules want, so that nothing is fetched while it runs.
#
# Versions are pinned here: Go as in go.mod, Terraform as in internal/terraform/binary.go.
ARG GO_VERSION=1.26.8
ARG RUNTIME=gcr.io/distroless/static-debian12:nonroot

FROM debian:bookworm-slim AS terraform
ARG TERRAFORM_VERSION=1.11.4
# Of terraform_${TERRAFORM_VERSION}_linux_amd64.zip, from the release's SHA256SUMS.
ARG TERRAFORM_SHA256=1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc
ARG GOOGLE_BETA_VERSION=7.45.0
ENV CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates curl unzip \
 && rm -rf /var/lib/apt/lists/*
RUN curl --fail --silent --show-error --location --output /tmp/terraform.zip \
      "https://releases.hashicorp.com/terraform/${TERRAFORM_VERSION}/terraform_${TERRAFORM_VERSION}_linux_amd64.zip" \
 && echo "${TERRAFORM_SHA256}  /tmp/terraform.zip" | sha256sum --check \
 && unzip -q /tmp/terraform.zip terraform -d /usr/local/bin
# Terraform checks the provider's signature as it installs it. The cache has the layout of a mirror, unpacked: init then links to it
# and copies nothing.
# The lock file is the repository's, where that has one; else the one that Terraform writes from the checksums that the registry
# signs, for all platforms. The programs carry it.
WORKDIR /mirror
COPY terraform/lock/ ./
RUN printf 'terraform {\n  required_providers {\n    google-beta = {\n      source  = "hashicorp/google-beta"\n      version = "%s"\n    }\n  }\n}\n' "${GOOGLE_BETA_VERSION}" >main.tf \
 && mkdir /plugins \
 && TF_PLUGIN_CACHE_DIR=/plugins terraform init -backend=false -input=false

FROM golang:${GO_VERSION}-bookworm AS build
ENV CGO_ENABLED=0 GOFLAGS=-buildvcs=false
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=terraform /mirror/.terraform.lock.hcl terraform/lock/
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags "-s -w" -o /out/ ./cmd/webhook ./cmd/aggregator

FROM ${RUNTIME} AS webhook
COPY --from=build /out/webhook /usr/local/bin/webhook
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/webhook"]

FROM ${RUNTIME} AS aggregator
COPY --from=terraform /usr/local/bin/terraform /usr/local/bin/terraform
# One of the folders where Terraform looks before any registry, and for what it finds there instead of any.
# https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
COPY --from=terraform /plugins /usr/local/share/terraform/plugins
COPY --from=build /out/aggregator /usr/local/bin/aggregator
ENV CHECKPOINT_DISABLE=1
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/usr/local/bin/aggregator"]
