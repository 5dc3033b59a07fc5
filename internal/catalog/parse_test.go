package catalog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// minimal is as little as a configuration may say.
const minimal = `installation = "acme"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/previews"
    service_account = "preview-build@acme-dev.iam.gserviceaccount.com"
  }
  gateway "shop" {
    apis                    = ["shop-1"]
    backend_service_account = "gateway@acme-dev.iam.gserviceaccount.com"
    service "users" {
      repository = "Acme/Shop"
      paths      = ["users/**"]
      openapi    = "openapi.yaml"
    }
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "services/orders/openapi.yaml"
      calls "users" { url_env = "USERS_URL" }
    }
  }
}
`

func TestDefaults(t *testing.T) {
	got, err := Parse("gangway.hcl", []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Catalog{
		Installation: "acme",
		Repositories: []Repository{{Name: "acme/shop"}},
		Previews: Previews{
			Environment: "development", Forks: ForksNever, ExpireAfter: 72 * time.Hour, Access: AccessBaseline,
		},
		Environments: []Environment{{
			Name: "development", Project: "acme-dev", Region: "europe-west1",
			Build: BuildDefaults{
				Region: "europe-west1", ServiceAccount: "preview-build@acme-dev.iam.gserviceaccount.com",
				Images:  "europe-west1-docker.pkg.dev/acme-dev/previews",
				Timeout: 20 * time.Minute, QueueTimeout: 30 * time.Minute,
			},
			Gateways: []Gateway{{
				Name: "shop", Title: "shop", APIs: []string{"shop-1"},
				BackendServiceAccount: "gateway@acme-dev.iam.gserviceaccount.com",
				Services: []Service{
					{
						Name: "orders", Repository: "acme/shop", Paths: []string{"orders/**"},
						OpenAPI: "services/orders/openapi.yaml", CloudRun: "orders", CommitLabel: "commit-sha",
						Build: Build{Context: "services/orders", Dockerfile: "services/orders/Dockerfile"},
						Calls: []Call{{Service: "users", URLEnv: "USERS_URL"}},
					},
					{
						Name: "users", Repository: "acme/shop", Paths: []string{"users/**"},
						OpenAPI: "openapi.yaml", CloudRun: "users", CommitLabel: "commit-sha",
						Build: Build{Context: ".", Dockerfile: "Dockerfile"},
					},
				},
			}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLongestNames holds the checks of names to what the core makes of them.
func TestLongestNames(t *testing.T) {
	for length, valid := range map[int]bool{37: true, 38: false} {
		src := strings.Replace(minimal, `service "orders"`, `service "o`+strings.Repeat("r", length-1)+`"`, 1)
		if _, err := Parse("gangway.hcl", []byte(src), nil); (err == nil) != valid {
			t.Errorf("service name of %d characters: %v", length, err)
		}
	}
	for length, valid := range map[int]bool{32: true, 33: false} {
		name := strings.Repeat("s", length)
		src := strings.Replace(minimal, `gateway "shop"`, `gateway "`+name+`"`, 1)
		if _, err := Parse("gangway.hcl", []byte(src), nil); (err == nil) != valid {
			t.Errorf("gateway name of %d characters: %v", length, err)
		}
		id := preview.Key{Gateway: name, PullRequest: 999_999}.ConfigID(nil, "")
		if valid && len(id) > preview.MaxConfigID {
			t.Errorf("config id %q is too long", id)
		}
	}
}

func TestFirebaseElsewhere(t *testing.T) {
	security := `security "firebase" {
      firebase {
        project  = "acme-dev"
        issuer   = "http://firebase.localhost:9000/acme-dev"
        jwks_uri = "http://127.0.0.1:9000/jwks"
      }
    }
    service "users" {`
	src := strings.Replace(minimal, `service "users" {`, security, 1)
	c, err := Parse("gangway.hcl", []byte(src), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []SecurityDefinition{{Name: "firebase", JWT: &JWT{
		Issuer: "http://firebase.localhost:9000/acme-dev", JWKSURI: "http://127.0.0.1:9000/jwks", Audiences: []string{"acme-dev"},
	}}}
	if diff := cmp.Diff(want, c.Environments[0].Gateways[0].Security); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPolicy(t *testing.T) {
	p := Previews{Forks: ForksApproved, Drafts: true, Bots: []string{"b"}, Limit: 3, ExpireAfter: time.Hour}
	want := preview.Policy{Forks: true, Drafts: true, Bots: []string{"b"}, Limit: 3, ExpireAfter: time.Hour}
	if diff := cmp.Diff(want, p.Policy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gangway.hcl")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	src := strings.Replace(minimal, `openapi    = "openapi.yaml"`, `openapi    = "openapi.yaml"
      build { config = "builds/users.yaml" }`, 1)
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	var all *Error
	if _, err := Load(path); !errors.As(err, &all) || !strings.HasPrefix(err.Error(), path+":17:24: ") {
		t.Errorf("missing build configuration: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "builds"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "builds/users.yaml"), []byte("steps: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	users, _ := c.Environments[0].Gateways[0].Service("users")
	if string(users.Build.Config) != "steps: []" || users.Build.ConfigFile != "builds/users.yaml" {
		t.Errorf("build = %+v", users.Build)
	}
}

func TestFilesAreBounded(t *testing.T) {
	src := []byte(strings.Replace(minimal, `openapi    = "openapi.yaml"`, `openapi    = "openapi.yaml"
      build { config = "b.yaml" }`, 1))
	for name, files := range map[string]fs.FS{
		"no folder":  nil,
		"too large":  fstest.MapFS{"b.yaml": {Data: make([]byte, maxFile+1)}},
		"a folder":   fstest.MapFS{"b.yaml/x": {}},
		"unreadable": fstest.MapFS{},
	} {
		var all *Error
		if _, err := Parse("gangway.hcl", src, files); !errors.As(err, &all) || len(all.Diagnostics) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHostileSources(t *testing.T) {
	const size = maxFile / 8 // enough for a stack that grows; the race detector makes more of it slow
	for name, src := range map[string]string{
		"too large":     strings.Repeat("#", maxFile+1),
		"deep lists":    "installation = " + strings.Repeat("[", size/2),
		"deep objects":  "installation = " + strings.Repeat("{a=", size/4),
		"deep brackets": "installation = " + strings.Repeat("(", size/2),
		"deep blocks":   strings.Repeat("a {\n", size/8),
		"deep not":      "installation = " + strings.Repeat("!", size/2) + "true",
		"deep template": "installation = " + strings.Repeat(`"${`, size/8),
		"deep ternary":  "installation = " + strings.Repeat("a?", size/4),
		"deep minus":    "installation = " + strings.Repeat("- ", size/4) + "1",
		"deep else":     "installation = " + strings.Repeat("a?b:", size/8) + "1",
		"long sum":      "installation = 1" + strings.Repeat("+1", size/4),
		"long or":       "installation = true" + strings.Repeat("||true", size/8),
		"long index":    "installation = a" + strings.Repeat("[0]", size/4),
		"long path":     "installation = a" + strings.Repeat(".b", size/4),
		"long splat":    "installation = a" + strings.Repeat(".*", size/4),
		"long splat 2":  "installation = a" + strings.Repeat("[*]", size/4),
		"deep heredocs": "installation = " + strings.Repeat("<<A\n${", size/8),
		"deep ifs":      "installation = \"" + strings.Repeat("%{if true}", size/16),
		"bad UTF-8":     "installation = \"\xff\xfe\"",
		"escapes":       "installation = \"\x1b[31m\"",
		"byte order":    "\ufeff" + minimal,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("gangway.hcl", []byte(src), nil)
			var all *Error
			if name != "byte order" && !errors.As(err, &all) {
				t.Fatalf("Parse = %v, want an *Error", err)
			}
			if strings.HasPrefix(name, "deep ") && all.Diagnostics[0].Summary != "Nested too deeply" {
				t.Errorf("it reaches HCL's parser: %v", all.Diagnostics[0])
			}
			if all != nil && strings.ContainsRune(all.Error(), '\x1b') {
				t.Error("a control character reaches the terminal")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(paths, exampleFile) {
		src, err := os.ReadFile(path) //nolint:gosec // the test's own files
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("gangway.hcl", src, fstest.MapFS{"b.yaml": {Data: []byte("steps: []")}})
		var all *Error
		switch {
		case err == nil && c.PreviewEnvironment() == nil:
			t.Error("valid without an environment for previews")
		case err != nil && !errors.As(err, &all):
			t.Errorf("%T, want an *Error", err)
		case err != nil && (all.Error() == "" || !all.Diagnostics.HasErrors()):
			t.Error("an error that says nothing")
		}
	})
}
