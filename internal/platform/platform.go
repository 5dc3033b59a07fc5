// Package platform tells what terraform/platform grants, by reading its HCL. It applies nothing and asks nobody: whether
// Google Cloud really is so is for Terraform to say.
package platform

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/gangway-dev/gangway/terraform"
)

const (
	rolesFile = "platform/roles.tf"
	rolesName = "permissions"
	extraName = "extra_permissions"
)

// Permissions returns the permissions of each of Gangway's accounts: receive, intake, aggregator, build, gateway and
// preview. Each list is sorted and holds what the account has anywhere, whatever it is bound on. The map is the caller's.
func Permissions() (map[string][]string, error) {
	return flatten(terraform.Platform, rolesName)
}

// ByKind returns the same permissions, in the parts that are bound apart: account, kind of thing (topics, services, …),
// permissions. Those of accounts that serve no previews (release, metrics) are in it too.
func ByKind() (map[string]map[string][]string, error) {
	all, err := read(terraform.Platform, rolesName)
	if err != nil {
		return nil, err
	}
	extra, err := read(terraform.Platform, extraName)
	if err != nil {
		return nil, err
	}
	for account, kinds := range extra {
		if _, ok := all[account]; ok {
			return nil, fmt.Errorf("%s: %q is in %s and in %s", rolesFile, account, rolesName, extraName)
		}
		all[account] = kinds
	}
	return all, nil
}

func flatten(files fs.FS, local string) (map[string][]string, error) {
	accounts, err := read(files, local)
	if err != nil {
		return nil, err
	}
	flat := make(map[string][]string, len(accounts))
	for account, kinds := range accounts {
		var list []string
		for _, permissions := range kinds {
			list = append(list, permissions...)
		}
		slices.Sort(list)
		flat[account] = slices.Compact(list)
	}
	return flat, nil
}

// read evaluates a local value of the roles' file, which must be literal.
func read(files fs.FS, local string) (map[string]map[string][]string, error) {
	source, err := fs.ReadFile(files, rolesFile)
	if err != nil {
		return nil, fmt.Errorf("reading the platform's roles: %w", err)
	}
	file, diagnostics := hclsyntax.ParseConfig(source, rolesFile, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, fmt.Errorf("reading the platform's roles: %w", diagnostics)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("%s: not in HCL's own syntax", rolesFile)
	}
	for _, block := range body.Blocks {
		if attribute, ok := block.Body.Attributes[local]; ok && block.Type == "locals" {
			value, diagnostics := attribute.Expr.Value(nil)
			if diagnostics.HasErrors() {
				return nil, fmt.Errorf("%s: local.%s has to be literal: %w", rolesFile, local, diagnostics)
			}
			return accountsOf(value)
		}
	}
	return nil, fmt.Errorf("%s: there is no local.%s", rolesFile, local)
}

// accountsOf reads { account = { kind = [permission, …], … }, … }.
func accountsOf(value cty.Value) (map[string]map[string][]string, error) {
	accounts := map[string]map[string][]string{}
	err := each(value, "accounts", func(account string, kinds cty.Value) error {
		accounts[account] = map[string][]string{}
		return each(kinds, account, func(kind string, list cty.Value) error {
			permissions, err := stringsOf(list, account+"."+kind)
			accounts[account][kind] = permissions
			return err
		})
	})
	return accounts, err
}

// each calls f for the attributes of an object.
func each(value cty.Value, what string, f func(string, cty.Value) error) error {
	if value.IsNull() || !value.Type().IsObjectType() {
		return fmt.Errorf("%s: %s is not an object with attributes", rolesFile, what)
	}
	for name, attribute := range value.AsValueMap() {
		if err := f(name, attribute); err != nil {
			return err
		}
	}
	return nil
}

func stringsOf(value cty.Value, what string) ([]string, error) {
	if value.IsNull() || !value.Type().IsTupleType() {
		return nil, fmt.Errorf("%s: %s is not a list", rolesFile, what)
	}
	var list []string
	for _, element := range value.AsValueSlice() {
		if element.IsNull() || element.Type() != cty.String {
			return nil, fmt.Errorf("%s: %s holds something else than names of permissions", rolesFile, what)
		}
		list = append(list, element.AsString())
	}
	return list, nil
}
