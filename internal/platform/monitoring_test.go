package platform

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"google.golang.org/api/monitoring/v1"

	"github.com/gangway-dev/gangway/terraform"
)

const dashboardFile = "../../terraform/platform/dashboard.json.tftpl"

// dashboard is the template as Terraform fills it in.
func dashboard(t *testing.T, metrics bool) []byte {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	template, diagnostics := hclsyntax.ParseTemplate(text, dashboardFile, hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	value, diagnostics := template.Value(&hcl.EvalContext{Variables: map[string]cty.Value{
		"name": cty.StringVal("Gangway (acme)"), "receiver": cty.StringVal("acme-receive"), "services": cty.StringVal("catalog|orders"),
		"labels": cty.StringVal(`{"gangway-platform":"acme"}`), "metrics": cty.BoolVal(metrics),
	}})
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return []byte(value.AsString())
}

// The dashboard has only fields that Cloud Monitoring's API has, and no tile lies on another.
func TestDashboard(t *testing.T) {
	t.Parallel()
	for _, metrics := range []bool{true, false} {
		var got monitoring.Dashboard
		decoder := json.NewDecoder(bytes.NewReader(dashboard(t, metrics)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("with metrics %v: %v", metrics, err)
		}
		taken := map[[2]int64]string{}
		for _, tile := range got.MosaicLayout.Tiles {
			if tile.XPos+tile.Width > got.MosaicLayout.Columns {
				t.Errorf("%s leaves the page", tile.Widget.Title)
			}
			for x := tile.XPos; x < tile.XPos+tile.Width; x++ {
				for y := tile.YPos; y < tile.YPos+tile.Height; y++ {
					if other := taken[[2]int64{x, y}]; other != "" {
						t.Fatalf("%s lies on %s", tile.Widget.Title, other)
					}
					taken[[2]int64{x, y}] = tile.Widget.Title
				}
			}
		}
		if first := got.MosaicLayout.Tiles[0].Widget.Title; first != "Gateways" {
			t.Errorf("the dashboard starts with %s, not at the gateways", first)
		}
		own := ownMetric.Match(dashboard(t, metrics))
		if own != metrics {
			t.Errorf("with metrics %v, Gangway's own are on it: %v", metrics, own)
		}
	}
}

// ownMetric matches names of Gangway's own metrics, without what Prometheus adds to histograms.
var ownMetric = regexp.MustCompile(`\bgangway_[a-z_]+?(?:_count|_sum|_bucket)?\b`)

// Alerts and dashboard only ask for metrics that the code has.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	monitoringFile, err := terraform.Platform.ReadFile("platform/monitoring.tf")
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, name := range ownMetric.FindAllString(string(monitoringFile)+string(dashboard(t, true)), -1) {
		name = regexp.MustCompile(`_(count|sum|bucket)$`).ReplaceAllString(name, "")
		asked = append(asked, name)
	}
	slices.Sort(asked)
	if asked = slices.Compact(asked); len(asked) < 5 {
		t.Fatalf("only %q found", asked)
	}
	for _, name := range asked {
		// A name in the code stands in quotes. The test's own folder doesn't count.
		out, err := exec.CommandContext(t.Context(), "grep", "-rl", "--include=*.go", "--exclude=*_test.go", `"`+name+`"`, "..").Output()
		if err != nil || len(out) == 0 {
			t.Errorf("%s is asked for, but no code has it", name)
		}
	}
}

// Each alert has a row in docs/operations.md that says what to do.
func TestAlertsAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := terraform.Platform.ReadFile("platform/monitoring.tf")
	if err != nil {
		t.Fatal(err)
	}
	titles := regexp.MustCompile(`(?m)^ +title +=\s+"(.*)"$`).FindAllSubmatch(source, -1)
	if len(titles) < 8 {
		t.Fatalf("only %d alerts found", len(titles))
	}
	for _, title := range titles {
		if !strings.Contains(string(page), "\n| "+string(title[1])+" | ") {
			t.Errorf("docs/operations.md has no row for the alert %q", title[1])
		}
	}
}
