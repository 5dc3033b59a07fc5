package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// planLabels plans the two computed maps that belong to labels: terraform_labels is what Terraform manages (the
// configuration's, the provider's default ones and the attribution), effective_labels is all that the resource will
// have, other clients' labels among it.
func planLabels(_ context.Context, d *schema.ResourceDiff, meta any) error {
	if !d.GetRawPlan().GetAttr("labels").IsWhollyKnown() {
		if err := d.SetNewComputed("terraform_labels"); err != nil {
			return err
		}
		return d.SetNewComputed("effective_labels")
	}
	c, ok := meta.(*client)
	if !ok {
		return errNotConfigured
	}
	effective := stringMap(d.Get("effective_labels"))
	managed := maps.Clone(c.defaultLabels)
	if managed == nil {
		managed = map[string]string{}
	}
	_, attributed := effective[attributionLabel]
	if c.attribution && (attributed || c.strategy == proactive || d.Id() == "") {
		managed[attributionLabel] = "true"
	}
	maps.Copy(managed, stringMap(d.Get("labels")))

	before, _ := d.GetChange("terraform_labels")
	if err := d.SetNew("terraform_labels", managed); err != nil {
		return err
	}
	for k := range stringMap(before) {
		delete(effective, k)
	}
	maps.Copy(effective, managed)
	return d.SetNew("effective_labels", effective)
}

// setLabels fills the three maps from what the far end has: labels and terraform_labels with the values of the keys that
// they had, so that a foreign label is no difference.
func setLabels(d *schema.ResourceData, actual map[string]string) error {
	for _, field := range []string{"labels", "terraform_labels"} {
		known := map[string]string{}
		for k := range stringMap(d.Get(field)) {
			known[k] = actual[k]
		}
		if err := d.Set(field, known); err != nil {
			return err
		}
	}
	return d.Set("effective_labels", actual)
}

// planProject plans the provider's project for a resource that names none.
func planProject(_ context.Context, d *schema.ResourceDiff, meta any) error {
	return planDefault(d, "project", func(c *client) string { return c.project }, meta)
}

// planRegion does the same for the region.
func planRegion(_ context.Context, d *schema.ResourceDiff, meta any) error {
	return planDefault(d, "region", func(c *client) string { return c.region }, meta)
}

func planDefault(d *schema.ResourceDiff, field string, otherwise func(*client) string, meta any) error {
	c, ok := meta.(*client)
	if !ok {
		return errNotConfigured
	}
	config := d.GetRawConfig().GetAttr(field)
	if !config.IsNull() || d.Id() != "" {
		return nil
	}
	if value := otherwise(c); value != "" {
		return d.SetNew(field, value)
	}
	return nil
}
