package app

import (
	"reflect"
	"strings"
	"testing"
)

// Every setting says what it means, and none twice.
func TestHelpIsComplete(t *testing.T) {
	t.Parallel()
	for _, settings := range []any{Webhook{}, Aggregator{}} {
		seen := map[string]bool{}
		var look func(reflect.Type)
		look = func(typ reflect.Type) {
			for field := range typ.Fields() {
				tag, ok := field.Tag.Lookup("env")
				if !ok {
					if field.Type.Kind() == reflect.Struct {
						look(field.Type)
					}
					continue
				}
				name, _, _ := strings.Cut(tag, ",")
				if field.Tag.Get("help") == "" || seen[name] {
					t.Errorf("%T: %s has no help, or stands there twice", settings, name)
				}
				seen[name] = true
			}
		}
		look(reflect.TypeOf(settings))
		var b strings.Builder
		if err := printHelp(&b, "usage: x\n", reflect.TypeOf(settings)); err != nil {
			t.Fatal(err)
		}
		for name := range seen {
			if !strings.Contains(b.String(), "\n  "+name) {
				t.Errorf("%T: the help does not tell of %s", settings, name)
			}
		}
		for _, want := range []string{"  GANGWAY_LEASE=30s\n        how long", "\nGitHub:\n  GITHUB_APP_ID\n        required"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%T: the help lacks %q:\n%s", settings, want, b.String())
			}
		}
	}
}

// Validate tells everything that is wrong at once.
func TestValidate(t *testing.T) {
	t.Parallel()
	err := Webhook{Role: "both"}.Validate()
	for _, want := range []string{"GANGWAY_ROLE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the errors %v lack %s", err, want)
		}
	}
	err = Aggregator{Provider: "mine", Scheme: "gopher"}.Validate()
	for _, want := range []string{
		"GITHUB_APP_ID", "GITHUB_APP_KEY_FILE", "GANGWAY_POLL_INTERVAL", "GANGWAY_SWEEP_INTERVAL", "GANGWAY_LEASE",
		"GANGWAY_CONCURRENCY", "GANGWAY_STORE", "GANGWAY_PROVIDER", "GANGWAY_LINK_SCHEME",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the errors %v lack %s", err, want)
		}
	}
}
