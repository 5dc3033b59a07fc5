package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// Deletion policies: what becomes of the resource when Terraform is to destroy it.
const (
	deleteIt  = "DELETE"
	prevent   = "PREVENT"
	abandonIt = "ABANDON"
)

// operationTimeout is the default of the timeouts block.
const operationTimeout = 20 * time.Minute

var errNotConfigured = errors.New("the provider is not configured")

// A kind is what tells one resource type from another; create, read, update, delete and import are the same for all.
type kind struct {
	noun   string                    // in error texts
	fields map[string]*schema.Schema // without those that all kinds have
	plan   []schema.CustomizeDiffFunc
	// prepare completes the arguments before a creation.
	prepare func(*schema.ResourceData) error
	// parent and id are the two parts of the resource's name around its collection, which is part of parent.
	parent func(*schema.ResourceData) string
	idArg  string // the argument that holds the id
	idKey  string // the query parameter of a creation that holds it
	view   string // query of a read
	// body is the request's content without display name and labels.
	body func(d *schema.ResourceData, create bool) map[string]any
	// masked are the arguments that a PATCH can change, in the order of the update mask.
	masked []maskedField
	// read copies what is particular to the kind from the response.
	read    func(d *schema.ResourceData, res map[string]any) error
	imports []*regexp.Regexp
}

// A maskedField is an argument and its name in an update mask.
type maskedField struct{ argument, field string }

func (k *kind) name(d *schema.ResourceData) string { return k.parent(d) + "/" + text(d, k.idArg) }

// resource is the kind as the SDK wants it.
func (k *kind) resource() *schema.Resource {
	fields := commonFields()
	maps.Copy(fields, k.fields)
	return &schema.Resource{
		Schema:               fields,
		CreateWithoutTimeout: k.create,
		ReadWithoutTimeout:   k.reread,
		UpdateWithoutTimeout: k.update,
		DeleteWithoutTimeout: k.delete,
		Importer:             &schema.ResourceImporter{StateContext: k.importState},
		Timeouts: &schema.ResourceTimeout{
			Create: schema.DefaultTimeout(operationTimeout),
			Update: schema.DefaultTimeout(operationTimeout),
			Delete: schema.DefaultTimeout(operationTimeout),
		},
		CustomizeDiff: func(ctx context.Context, d *schema.ResourceDiff, meta any) error {
			for _, f := range append([]schema.CustomizeDiffFunc{planLabels, planProject}, k.plan...) {
				if err := f(ctx, d, meta); err != nil {
					return err
				}
			}
			return nil
		},
		UseJSONNumber: true,
	}
}

func commonFields() map[string]*schema.Schema {
	labels := &schema.Schema{Type: schema.TypeString}
	return map[string]*schema.Schema{
		"project":          {Type: schema.TypeString, Optional: true, Computed: true, ForceNew: true},
		"display_name":     {Type: schema.TypeString, Optional: true, Computed: true, Description: "A name for people."},
		"labels":           {Type: schema.TypeMap, Optional: true, Elem: labels, Description: "Labels; others that the resource has are left alone."},
		"name":             {Type: schema.TypeString, Computed: true, Description: "The resource name."},
		"effective_labels": {Type: schema.TypeMap, Computed: true, Elem: labels, Description: "All labels of the resource."},
		"terraform_labels": {Type: schema.TypeMap, Computed: true, Elem: labels, Description: "The labels that Terraform manages."},
		"deletion_policy": {
			Type: schema.TypeString, Optional: true, Computed: true,
			Description: "What destroying does: DELETE (default), PREVENT (an error) or ABANDON (forget it).",
		},
	}
}

// create makes the resource. When its operation fails, the resource is not kept in the state, although the far end may
// have it.
func (k *kind) create(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	c, ctx, err := k.session(d, meta)
	if err != nil {
		return diag.FromErr(err)
	}
	if k.prepare != nil {
		if err := k.prepare(d); err != nil {
			return diag.FromErr(err)
		}
	}
	timeout := d.Timeout(schema.TimeoutCreate)
	path := k.parent(d) + "?" + k.idKey + "=" + url.QueryEscape(text(d, k.idArg))
	op, err := c.do(ctx, call{method: http.MethodPost, path: path, body: k.content(d, true), timeout: timeout})
	if err != nil {
		return diag.Errorf("Error creating %s: %s", k.noun, err)
	}
	d.SetId(k.name(d))
	if err := c.wait(ctx, op, "Creating "+k.noun, timeout); err != nil {
		d.SetId("")
		return diag.Errorf("Error waiting to create %s: %s", k.noun, err)
	}
	return k.reread(ctx, d, meta)
}

// reread brings the state up to date; a resource that is gone leaves it.
func (k *kind) reread(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	c, ctx, err := k.session(d, meta)
	if err != nil {
		return diag.FromErr(err)
	}
	res, err := c.do(ctx, call{method: http.MethodGet, path: k.name(d) + k.view})
	if isNotFound(err) {
		d.SetId("")
		return nil
	}
	if err != nil {
		return diag.Errorf("Error when reading or editing ApiGateway%s %q: %s", k.noun, d.Id(), err)
	}
	if err := k.set(d, c, res); err != nil {
		return diag.Errorf("Error reading %s: %s", k.noun, err)
	}
	return nil
}

func (k *kind) set(d *schema.ResourceData, c *client, res map[string]any) error {
	err := errors.Join(
		d.Set("project", text(d, "project")),
		d.Set("name", res["name"]),
		d.Set("display_name", res["displayName"]),
		setLabels(d, stringMap(res["labels"])),
		k.read(d, res),
	)
	if text(d, "deletion_policy") == "" {
		err = errors.Join(err, d.Set("deletion_policy", first(c.deletionPolicy, deleteIt)))
	}
	return err
}

// update patches what can be changed in place. Labels and display name are among it for every kind.
func (k *kind) update(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	c, ctx, err := k.session(d, meta)
	if err != nil {
		return diag.FromErr(err)
	}
	var mask []string
	for _, m := range k.masked {
		if d.HasChange(m.argument) {
			mask = append(mask, m.field)
		}
	}
	if len(mask) == 0 {
		return k.reread(ctx, d, meta)
	}
	timeout := d.Timeout(schema.TimeoutUpdate)
	path := k.name(d) + "?updateMask=" + url.QueryEscape(strings.Join(mask, ","))
	op, err := c.do(ctx, call{method: http.MethodPatch, path: path, body: k.content(d, false), timeout: timeout})
	if err == nil {
		err = c.wait(ctx, op, "Updating "+k.noun, timeout)
	} else {
		err = fmt.Errorf("Error updating %s %q: %w", k.noun, d.Id(), err) //nolint:revive,staticcheck // the real provider's text
	}
	if err != nil {
		// What is in the state must stay what the far end has.
		d.Partial(true)
		return diag.FromErr(err)
	}
	return k.reread(ctx, d, meta)
}

// delete removes the resource; one that is gone already is no error.
func (k *kind) delete(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	c, ctx, err := k.session(d, meta)
	if err != nil {
		return diag.FromErr(err)
	}
	switch first(text(d, "deletion_policy"), c.deletionPolicy, deleteIt) {
	case prevent:
		return diag.Errorf("cannot destroy ApiGateway%s without setting deletion_policy=\"DELETE\" and running `terraform apply`", k.noun)
	case abandonIt:
		return nil
	}
	timeout := d.Timeout(schema.TimeoutDelete)
	op, err := c.do(ctx, call{method: http.MethodDelete, path: k.name(d), timeout: timeout})
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return diag.Errorf("Error when reading or editing %s: %s", k.noun, err)
	}
	return diag.FromErr(c.wait(ctx, op, "Deleting "+k.noun, timeout))
}

// importState takes the arguments from the resource's name or one of its short forms.
func (k *kind) importState(_ context.Context, d *schema.ResourceData, meta any) ([]*schema.ResourceData, error) {
	for _, form := range k.imports {
		match := form.FindStringSubmatch(d.Id())
		if match == nil {
			continue
		}
		for i, argument := range form.SubexpNames() {
			if argument == "" {
				continue
			}
			if err := d.Set(argument, match[i]); err != nil {
				return nil, err
			}
		}
		if _, _, err := k.session(d, meta); err != nil {
			return nil, err
		}
		d.SetId(k.name(d))
		return []*schema.ResourceData{d}, nil
	}
	return nil, fmt.Errorf("Import id %q doesn't match any of the accepted formats: %v", d.Id(), k.imports) //nolint:revive,staticcheck // the real provider's text
}

// content is the whole resource as the far end wants it; what is empty is left out.
func (k *kind) content(d *schema.ResourceData, create bool) map[string]any {
	out := k.body(d, create)
	out["displayName"] = text(d, "display_name")
	out["labels"] = stringMap(d.Get("effective_labels"))
	maps.DeleteFunc(out, func(_ string, v any) bool {
		switch v := v.(type) {
		case string:
			return v == ""
		case map[string]string:
			return len(v) == 0
		case []any:
			return len(v) == 0
		}
		return v == nil
	})
	return out
}

// session is the client and the context of a call. The context is the instance's: what has been begun on Google Cloud
// goes on there, so that an interrupted Terraform waits for it, as the real provider makes it do.
func (k *kind) session(d *schema.ResourceData, meta any) (*client, context.Context, error) {
	c, ok := meta.(*client)
	if !ok {
		return nil, nil, errNotConfigured
	}
	if text(d, "project") == "" {
		if c.project == "" {
			return nil, nil, fmt.Errorf("Error fetching project for %s: project: required field is not set", k.noun) //nolint:revive,staticcheck // the real provider's text
		}
		if err := d.Set("project", c.project); err != nil {
			return nil, nil, err
		}
	}
	if _, regional := k.fields["region"]; regional && text(d, "region") == "" {
		if c.region == "" {
			return nil, nil, errors.New("Cannot determine region: set in this resource, or set provider-level 'region' or 'zone'.") //nolint:revive,staticcheck // the real provider's text
		}
		if err := d.Set("region", c.region); err != nil {
			return nil, nil, err
		}
	}
	return c, c.lifetime, nil
}

// forms compiles the accepted spellings of an import id.
func forms(patterns ...string) []*regexp.Regexp {
	out := make([]*regexp.Regexp, 0, len(patterns))
	for p := range slices.Values(patterns) {
		out = append(out, regexp.MustCompile(p))
	}
	return out
}
