package app

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/terraform"
)

func platformFile(t *testing.T, name string) string {
	t.Helper()
	text, err := terraform.Platform.ReadFile("platform/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settingNames are the environment variables that a settings type is read from.
func settingNames(t reflect.Type) []string {
	var list []string
	for field := range t.Fields() {
		if tag, ok := field.Tag.Lookup("env"); ok {
			name, _, _ := strings.Cut(tag, ",")
			list = append(list, name)
		} else if field.Type.Kind() == reflect.Struct {
			list = append(list, settingNames(field.Type)...)
		}
	}
	return list
}

// The platform sets only what the commands read: a name that is spelled otherwise would be ignored in silence.
func TestPlatformSettings(t *testing.T) {
	t.Parallel()
	known := append(settingNames(reflect.TypeFor[Webhook]()), settingNames(reflect.TypeFor[Aggregator]())...)
	set := regexp.MustCompile(`\b(?:GANGWAY|GITHUB)_[A-Z_]+\b`).FindAllString(platformFile(t, "run.tf"), -1)
	if len(set) < 10 {
		t.Fatalf("only %q found in run.tf", set)
	}
	for _, name := range set {
		if !slices.Contains(known, name) {
			t.Errorf("run.tf sets %s, which no command reads", name)
		}
	}
}

// The platform makes the topics and subscriptions that the commands know, and no others.
func TestPlatformTopics(t *testing.T) {
	t.Parallel()
	text := platformFile(t, "pubsub.tf")
	got := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^ +([a-z-]+) += \{ topic = "([a-z-]+)"`).FindAllStringSubmatch(text, -1) {
		got[found[2]] = found[1]
	}
	if diff := cmp.Diff(topics, got); diff != "" {
		t.Errorf("subscriptions by topic (-code +pubsub.tf):\n%s", diff)
	}
	_, rest, _ := strings.Cut(text, "topics = {")
	block, _, _ := strings.Cut(rest, "}")
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^ +([a-z-]+) +=`).FindAllStringSubmatch(block, -1) {
		names = append(names, found[1])
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(topics)), slices.Sorted(slices.Values(names))); diff != "" {
		t.Errorf("topics (-code +pubsub.tf):\n%s", diff)
	}
}

func TestPlatformWebhookURL(t *testing.T) {
	t.Parallel()
	if want := fmt.Sprintf(".run.app%s\"", receive.Path); !strings.Contains(platformFile(t, "outputs.tf"), want) {
		t.Errorf("outputs.tf doesn't name the webhook's path %s", receive.Path)
	}
}
