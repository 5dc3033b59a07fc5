// Package terraform applies and destroys the stacks of previews with the Terraform binary, through terraform-exec. It
// writes root modules with hclwrite (values are never pasted into HCL), runs one `apply -json` for each change, follows
// its stream of messages, and translates Terraform's diagnostics into the core's errors.
//
// Of the files of a stack only its state matters; the root module, the modules and Terraform's own data folder beside it
// are written anew for each run and can be thrown away at any time:
//
//	Dir/ENVIRONMENT/GATEWAY/REPOSITORY-NUMBER/work/    root module, document, modules, .terraform
//	Dir/ENVIRONMENT/GATEWAY/REPOSITORY-NUMBER/state/   terraform.tfstate, with backend "local"
//	Dir/ENVIRONMENT/_apis/                             the same for the API shards
//
// It decides nothing: when to apply, what to adopt and what to remove is package reconcile's business.
package terraform
