package provider

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// TestSchema compares the resources' schemas with testdata/schema.json, which was extracted from the output of
// `terraform providers schema -json` for google-beta 7.45.
func TestSchema(t *testing.T) {
	data, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	server := schema.NewGRPCProviderServer(newProvider(t.Context(), nil))
	res, err := server.GetProviderSchema(t.Context(), &tfprotov5.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for name, s := range res.ResourceSchemas {
		got[name] = describe(t, s.Block)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, r := range newProvider(t.Context(), nil).ResourcesMap {
		if err := r.InternalValidate(nil, true); err != nil {
			t.Error(err)
		}
	}
}

// describe gives a block the form of `terraform providers schema -json`.
func describe(t *testing.T, b *tfprotov5.SchemaBlock) map[string]any {
	t.Helper()
	set := func(m map[string]any, key string, value bool) {
		if value {
			m[key] = true
		}
	}
	attributes, blocks, out := map[string]any{}, map[string]any{}, map[string]any{}
	for _, a := range b.Attributes {
		data, err := a.Type.MarshalJSON() //nolint:staticcheck // the only writer of the JSON form
		if err != nil {
			t.Fatal(err)
		}
		var kind any
		if err := json.Unmarshal(data, &kind); err != nil {
			t.Fatal(err)
		}
		m := map[string]any{"type": kind}
		set(m, "required", a.Required)
		set(m, "optional", a.Optional)
		set(m, "computed", a.Computed)
		attributes[a.Name] = m
	}
	modes := map[tfprotov5.SchemaNestedBlockNestingMode]string{
		tfprotov5.SchemaNestedBlockNestingModeSingle: "single", tfprotov5.SchemaNestedBlockNestingModeList: "list",
	}
	for _, n := range b.BlockTypes {
		m := map[string]any{"nesting_mode": modes[n.Nesting], "block": describe(t, n.Block)}
		if n.MinItems > 0 {
			m["min_items"] = float64(n.MinItems)
		}
		if n.MaxItems > 0 {
			m["max_items"] = float64(n.MaxItems)
		}
		blocks[n.TypeName] = m
	}
	if len(attributes) > 0 {
		out["attributes"] = attributes
	}
	if len(blocks) > 0 {
		out["block_types"] = blocks
	}
	return out
}
