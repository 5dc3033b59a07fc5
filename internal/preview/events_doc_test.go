package preview

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// docs/events.md says what our messages are: its examples have to be messages, with all fields, and every field has to be
// explained.
func TestEventsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	for topic, message := range map[string]any{
		TopicPullRequests: &PullRequestHint{}, TopicRevisions: &RevisionReady{}, TopicPreviews: &WantedChanged{},
		TopicCloudBuilds: nil, // Cloud Build's
	} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			_, section, found := strings.Cut(string(text), "\n## "+topic+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
			example := jsonBlock.FindStringSubmatch(section)
			if !found || example == nil {
				t.Fatalf("docs/events.md has no section %q with an example", topic)
			}
			if message == nil {
				if !json.Valid([]byte(example[1])) {
					t.Error("the example is no JSON")
				}
				return
			}
			decoder := json.NewDecoder(strings.NewReader(example[1]))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(message); err != nil {
				t.Fatalf("the example is no message: %v", err)
			}
			checkExample(t, section, example[1], message)
		})
	}
}

// checkExample looks that the example fills every field of message in the order of its declaration, and that the section
// explains each.
func checkExample(t *testing.T, section, example string, message any) {
	t.Helper()
	again, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(example)); err != nil {
		t.Fatal(err)
	}
	if compact.String() != string(again) {
		t.Errorf("the example is %s\nwritten by us it is %s", compact.String(), again)
	}
	value := reflect.ValueOf(message).Elem()
	for field, content := range value.Fields() {
		name := field.Tag.Get("json")
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("the field %s is not explained", name)
		}
		if content.IsZero() {
			t.Errorf("the example leaves %s empty", name)
		}
	}
	if version := value.FieldByName("Version").Int(); version != HintVersion {
		t.Errorf("the example has version %d, messages have %d", version, HintVersion)
	}
	if key, ok := value.Type().FieldByName("Preview"); ok {
		if _, err := ParseKey(value.FieldByIndex(key.Index).String()); err != nil {
			t.Error(err)
		}
	}
}
