# What developers run. .ci/run holds the details, so that both say the same.
.DEFAULT_GOAL := help
DIR ?= .gangway/local

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## Everything that has to hold before a change is merged (what CI runs)
	.ci/run

.PHONY: build
build: ## Build the commands into bin/
	go build -trimpath -o bin/ ./cmd/...

.PHONY: test
test: ## Run all tests
	go test ./...

.PHONY: race
race: ## Run all tests with the race detector, shuffled
	.ci/run test

.PHONY: lint
lint: ## Run vet and the linters
	.ci/run vet lint

.PHONY: fmt
fmt: ## Format Go and Terraform files
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 fmt
	terraform fmt -recursive .

.PHONY: tidy
tidy: ## Tidy go.mod
	go mod tidy

.PHONY: vuln
vuln: ## Look for known vulnerabilities
	.ci/run vulnerabilities

.PHONY: tf
tf: ## Check the Terraform modules
	.ci/run terraform

.PHONY: providers-lock
providers-lock: ## Pin the provider: write its checksums for all platforms (needs the registry); commit the file
	cd terraform/modules/preview && terraform providers lock -platform=linux_amd64 -platform=linux_arm64 \
	  -platform=darwin_amd64 -platform=darwin_arm64 && mv .terraform.lock.hcl ../../lock/

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZ_TIME (10s)
	.ci/run fuzz

.PHONY: golden
golden: ## Rewrite the golden files; look at the difference before you commit it
	UPDATE=1 go test ./...

.PHONY: bench
bench: bench-webhook bench-preview ## Measure the webhook, and previews from the last revision to the link

.PHONY: bench-webhook
bench-webhook: ## Webhook: answers per second, p50, p99 and memory at 64 connections, without and with the publish
	go test -run '^$$' -bench '^BenchmarkDeliveries$$' -benchtime 50000x ./internal/receive
	go test -run '^$$' -bench '^BenchmarkPublishedDeliveries$$' ./internal/app

.PHONY: bench-preview
bench-preview: ## Previews: from the last revision being ready to the link, at 1, 4 and 16 at once
	go test -run '^$$' -bench Preview -benchtime 1x -timeout 30m ./internal/local/...

.PHONY: local
local: ## Start the local cloud and stay up (DIR=folder for its state)
	go run ./cmd/gangway local --dir $(DIR)

.PHONY: e2e
e2e: ## Run the whole main job once on this machine
	go run ./cmd/gangway local --exit

.PHONY: clean
clean: ## Remove what was built, and the local cloud's state
	rm -rf bin .gangway
