package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a request is told at once and all together, before anything is asked of anybody.
func TestDeployRefuses(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gangway.hcl")
	if err := os.WriteFile(config, []byte(pinConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GANGWAY_CLOUD_RUN_ENDPOINT", "http://127.0.0.1:1") // nobody is there
	good := DeployRequest{
		Config: config, Service: "orders", Repository: 7, PullRequest: 42, Commit: strings.Repeat("a", 40),
		Image: "images/orders@sha256:" + strings.Repeat("0", 64), Build: "run-1",
	}
	for name, tt := range map[string]struct {
		change func(*DeployRequest)
		says   []string
	}{
		"nothing": {
			change: func(r *DeployRequest) { *r = DeployRequest{Config: config, Service: "orders"} },
			says:   []string{"--repository-id is missing", "--pull-request is missing", `--image is ""`, `--commit is ""`},
		},
		"an image by its tag":     {change: func(r *DeployRequest) { r.Image = "images/orders:latest" }, says: []string{"a tag may move"}},
		"a short commit":          {change: func(r *DeployRequest) { r.Commit = "abc1234" }, says: []string{"40 hexadecimal digits"}},
		"a build that is no name": {change: func(r *DeployRequest) { r.Build = "Run #1" }, says: []string{`--build is "Run #1"`}},
		"no such service":         {change: func(r *DeployRequest) { r.Service = "order" }, says: []string{`no service "order"; it has orders`}},
		"no such gateway":         {change: func(r *DeployRequest) { r.Gateway = "admin" }, says: []string{`no service "orders"`}},
		"no configuration":        {change: func(r *DeployRequest) { r.Config = "none.hcl" }, says: []string{"none.hcl"}},
	} {
		t.Run(name, func(t *testing.T) {
			request := good
			tt.change(&request)
			told, err := Deploy(t.Context(), request, slog.New(slog.DiscardHandler))
			if err == nil || told != "" {
				t.Fatalf("told %q, %v", told, err)
			}
			for _, words := range tt.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("error %q, want %q in it", err, words)
				}
			}
		})
	}
}
