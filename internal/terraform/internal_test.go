package terraform

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// TestRender compares generated root modules with golden files; UPDATE=1 rewrites them.
func TestRender(t *testing.T) {
	s := preview.Stack{
		Project: "shop-dev", Region: "europe-west1", API: "gangway-1", GatewayID: "shop-pr-42-1a2b3c",
		ConfigID: "shop-pr-42-1a2b3c-0123456789ab", BackendServiceAccount: "gateway@shop-dev.iam.gserviceaccount.com",
		Labels: map[string]string{"gangway": "local", "gangway-pr": "42"},
	}
	hostile := s
	hostile.GatewayID = "\"}\n${file(\"/etc/passwd\")} %{for x in y}"
	hostile.AdoptGateway = true
	local := []backendSetting{{"path", "../state/terraform.tfstate"}}
	for name, tc := range map[string]struct {
		root    root
		backend string
		poll    time.Duration
		setting []backendSetting
	}{
		"preview": {root: previewRoot(s), backend: BackendLocal, poll: 500 * time.Millisecond, setting: local},
		"hostile": {root: previewRoot(hostile), backend: BackendLocal, setting: local},
		"empty":   {root: root{}, backend: BackendGCS, setting: []backendSetting{{"bucket", "states"}, {"prefix", "gangway/development/shop/81-42"}}},
		"apis":    {root: apisRoot("shop-dev", "europe-west1", []string{"gangway-1", "gangway-2"}, nil), backend: BackendLocal, setting: local},
	} {
		t.Run(name, func(t *testing.T) {
			tc.root.poll, tc.root.backend = tc.poll, tc.setting
			got := tc.root.render(tc.backend)
			golden := filepath.Join("testdata", name+".tf.golden")
			if os.Getenv("UPDATE") == "1" {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("UPDATE=1 go test ./internal/terraform rewrites it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTranslate(t *testing.T) {
	const config, gateway = "module.preview.google_api_gateway_api_config.preview", "module.preview.google_api_gateway_gateway.preview"
	r := &Runner{secrets: []string{"s3cr3t-value"}}
	for name, tc := range map[string]struct {
		diagnostics []diagnostic
		is          error  // sentinel
		user        bool   // a *preview.UserError
		want        string // in the text
	}{
		"document": {
			diagnostics: []diagnostic{{
				Summary: "Error creating ApiConfig: googleapi: Error 400: Cannot convert to service config.\n'location: \"api-configs/openapi.yaml: Operation 'get' in path '/a'\"\n kind: ERROR",
				Address: config,
			}}, user: true, want: "service config.\n'location",
		},
		"exists": {
			diagnostics: []diagnostic{{Summary: "Error creating Gateway: googleapi: Error 409: Resource 'projects/p/locations/r/gateways/g' already exists", Address: gateway}},
			is:          preview.ErrConflict, want: "gateway: Error creating Gateway",
		},
		"another operation": {
			diagnostics: []diagnostic{{Summary: "Error updating Gateway \"g\": googleapi: Error 409: the resource is being changed", Address: gateway}},
			want:        "Error 409",
		},
		"quota":      {diagnostics: []diagnostic{{Summary: "Error creating Gateway: googleapi: Error 429: Quota exceeded", Address: gateway}}, is: ErrQuota},
		"quota late": {diagnostics: []diagnostic{{Summary: "Error waiting to create Gateway: Error waiting for Creating Gateway: Error code 8, message: no room", Address: gateway}}, is: ErrQuota},
		"locked":     {diagnostics: []diagnostic{{Summary: "Error acquiring the state lock", Detail: "Error message: resource temporarily unavailable"}}, is: ErrLocked},
		"worst first": {
			diagnostics: []diagnostic{
				{Summary: "Error: something"}, {Summary: "googleapi: Error 400: Cannot convert to service config.", Address: config}, {Summary: "Error 429"},
			}, user: true,
		},
		"secret":  {diagnostics: []diagnostic{{Summary: "bad header: Bearer abc.def", Detail: "token s3cr3t-value"}}, want: "bad header: REDACTED\ntoken REDACTED"},
		"in use":  {diagnostics: []diagnostic{{Summary: "Error waiting for Deleting ApiConfig: Error code 9, message: config is in use", Address: config}}, want: "in use"},
		"nothing": {want: "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := r.translate("apply", tc.diagnostics, errors.New("exit status 1"))
			_, user := errors.AsType[*preview.UserError](err)
			if user != tc.user || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %#v", err)
			}
			for _, sentinel := range []error{preview.ErrConflict, preview.ErrNotFound, ErrQuota, ErrLocked} {
				if errors.Is(err, sentinel) != errors.Is(tc.is, sentinel) {
					t.Errorf("errors.Is(%v, %v) is wrong", err, sentinel)
				}
			}
		})
	}
}

func TestAllowedEnv(t *testing.T) {
	got := allowedEnv(map[string]string{
		"PATH": "/bin", "https_proxy": "p", "GOOGLE_PROJECT": "g", "TF_LOG": "trace", "TF_VAR_x": "1", "TF_CLI_ARGS": "-x",
		"TF_REATTACH_PROVIDERS": "{}", "GITHUB_TOKEN": "t", "TF_CLI_CONFIG_FILE": "rc",
	})
	want := map[string]string{"PATH": "/bin", "https_proxy": "p", "GOOGLE_PROJECT": "g", "TF_CLI_CONFIG_FILE": "rc", "CHECKPOINT_DISABLE": "1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStacksIgnoresForeignFolders(t *testing.T) {
	r, err := New(Options{Dir: filepath.Join(t.TempDir(), "with [glob*")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	for _, name := range []string{"development/shop/81-42", "development/shop/081-42", "development/shop/81-42-x", "development/_apis/state", "Dev/shop/1-1", "a/b/0-1"} {
		if err := os.MkdirAll(filepath.Join(r.options.Dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Stacks(t.Context())
	if diff := cmp.Diff([]preview.Key{{Environment: "development", Gateway: "shop", Repository: 81, PullRequest: 42}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// FuzzStream writes the output in pieces: the messages must be the same as in one, and nothing may fail.
func FuzzStream(f *testing.F) {
	f.Add([]byte(`{"type":"apply_start","hook":{"action":"create","resource":{"resource_type":"google_api_gateway_gateway"}}}`+"\n"+
		`{"type":"diagnostic","diagnostic":{"severity":"error","summary":"s"}}`+"\n"+`{"type":"outputs","outputs":{"hostname":{"value":"h"}}}`+"\n"), 7)
	f.Add([]byte("not json\n{\"type\":3}\n{\"outputs\":null,\"type\":\"outputs\"}\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		read := func(size int) (*stream, []preview.StackEvent) {
			var events []preview.StackEvent
			s := &stream{observe: func(e preview.StackEvent) { events = append(events, e) }}
			for rest := data; len(rest) > 0; {
				n := min(max(size, 1), len(rest))
				if w, err := s.Write(rest[:n]); w != n || err != nil {
					t.Fatalf("Write: %d, %v", w, err)
				}
				rest = rest[n:]
			}
			return s, events
		}
		whole, wholeEvents := read(len(data))
		pieces, pieceEvents := read(size)
		if !cmp.Equal(wholeEvents, pieceEvents) || !cmp.Equal(whole.diagnostics, pieces.diagnostics) ||
			whole.changed != pieces.changed || whole.text("hostname") != pieces.text("hostname") {
			t.Error("pieces are read otherwise than the whole")
		}
	})
}
