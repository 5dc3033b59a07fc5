package terraform_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// TestGCS keeps states in a bucket that refuses us: Terraform has to ask for the very state of this stack, and has to find
// the generated root module valid.
func TestGCS(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	var asked atomic.Value
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error": {"code": 403, "message": "no access to the bucket", "errors": [{"reason": "forbidden"}]}}`))
	}))
	defer bucket.Close()
	c.options.ServeProvider = nil
	c.options.Backend = terraform.Backend{Kind: terraform.BackendGCS, Bucket: "shop-states", Prefix: "gangway"}
	c.options.Env["TF_CLI_CONFIG_FILE"] = mirror(t)
	c.options.Env["GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"] = bucket.URL + "/storage/v1/"
	c.start()
	_, err := c.Apply(t.Context(), stack("1"), nil)
	if err == nil || !strings.Contains(err.Error(), "no access to the bucket") {
		t.Errorf("got %v", err)
	}
	url, _ := asked.Load().(string)
	for _, want := range []string{"shop-states", "development%2Fshop%2F81-42"} {
		if !strings.Contains(url, want) {
			t.Errorf("Terraform asked for %q, without %s", url, want)
		}
	}
	work := filepath.Join(c.options.Dir, "development", "shop", "81-42", "work")
	for _, args := range [][]string{{"init", "-backend=false", "-input=false", "-no-color"}, {"validate", "-no-color"}} {
		cmd := exec.CommandContext(t.Context(), c.options.Exec, append([]string{"-chdir=" + work}, args...)...)
		for name, value := range c.options.Env {
			if name != "TF_LOG" {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("terraform %s: %v\n%s", args[0], err, text)
		}
	}
}
