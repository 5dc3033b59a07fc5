package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// slowly reads the same fields with encoding/json: what scan is held to.
func slowly(body []byte) (fields, error) {
	if !json.Valid(body) {
		return fields{}, errMalformed
	}
	var f fields
	payload := members(body)
	f.action = slowText(payload["action"])
	f.number = slowInteger(payload["number"])
	f.installation = slowInteger(members(payload["installation"])["id"])
	repository := members(payload["repository"])
	f.repository = slowInteger(repository["id"])
	f.fullName = slowText(repository["full_name"])
	f.headSHA = slowText(members(members(payload["pull_request"])["head"])["sha"])
	return f, nil
}

// members are the members of an object, the last of duplicates; none of anything else.
func members(object []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil {
		return nil
	}
	return m
}

func slowText(raw json.RawMessage) string {
	var text string
	if len(raw) > maxField || json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

func slowInteger(raw json.RawMessage) int64 {
	var n int64
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}

// depth is how deeply a valid body is nested.
func depth(body []byte) int {
	deepest, now := 0, 0
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

func seeds() []string {
	return []string{
		``, ` `, `{}`, `null`, `[]`, `"x"`, `7`, `{"action":"opened"}`, `{} {}`, "{}\x00", "\xef\xbb\xbf{}",
		`{"action":"opened","number":42,"repository":{"id":7,"full_name":"a/b"},"installation":{"id":9}}`,
		"\t{ \"number\" :\r\n 42 , \"repository\" : { \"id\" : 7 } } ",
		`{"\u0061ction":"\u006f\"\\\/\b\f\n\r\t","number":4}`,
		`{"action":"a","action":"b","number":1,"number":"x"}`,
		`{"repository":{"id":7,"full_name":"a/b"},"repository":null}`,
		`{"repository":{"id":7},"repository":{"full_name":"a/b"}}`,
		`{"pull_request":{"id":1,"head":{"ref":"main","sha":"aB1"},"base":{"sha":"c"}}}`, `{"pull_request":{"head":7},"sha":"x"}`,
		`{"pull_request":{"head":{"sha":"a"},"head":{"ref":"b"}}}`, `{"pull_request":{"head":{"sha":"a"}},"pull_request":{}}`,
		`{"pull_request":{"head":{"sha":"a","sha":1}}}`, `{"pull_request":{"head":{"x":` + strings.Repeat("[", maxDepth-3) + strings.Repeat("]", maxDepth-3) + "}}}",
		`{"pull_request":{"head":{"x":` + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + "}}}",
		`{"repository":[{"id":7}],"installation":"x"}`, `{"Action":"x","NUMBER":3}`,
		`{"number":1.0}`, `{"number":1e3}`, `{"number":-0}`, `{"number":-7}`, `{"number":01}`, `{"number":.5}`,
		`{"number":9223372036854775807}`, `{"number":9223372036854775808}`, `{"number":1e}`, `{"number":-}`,
		`{"number":1.}`, `{"number":+1}`, `{"number":1E-2}`, `{"number":0x1}`, `{"number":NaN}`,
		`{"action":"` + strings.Repeat("x", maxField) + `"}`, `{"action":"` + strings.Repeat("x", maxField-2) + `"}`,
		"{\"action\":\"\xff\xfe\"}", `{"action":"\ud800"}`, `{"action":"\ud83d\uDE00"}`, `{"action":"\u12g4"}`, `{"action":"\x"}`,
		"{\"action\":\"a\nb\"}", `{"action":"a`, `{"action":`, `{"action"`, `{"action`, `{`, `{"a":1,}`, `{,}`, `[1,]`, `[,]`,
		`{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `[1 2]`, `tru`, `truex`, `[nul]`, `[false]`, `'x'`, `{"a":"\`, `{"a":"\u00`,
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
		strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
		strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth),
		strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1),
		`{"repository":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}",
		`{"repository":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + "}",
		`{"repository":{"x":` + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + "}}",
		`{"repository":{"x":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}}",
	}
}

// compare fails the test when scan and encoding/json disagree about body.
func compare(t *testing.T, body []byte) {
	t.Helper()
	got, err := scan(body)
	if errors.Is(err, errDepth) {
		if json.Valid(body) && depth(body) <= maxDepth {
			t.Errorf("scan(%.200q) = %v at depth %d", body, err, depth(body))
		}
		return
	}
	want, wantErr := slowly(body)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("scan(%.200q) = %v, encoding/json says %v", body, err, wantErr)
	}
	if got != want {
		t.Errorf("scan(%.200q)\n got %+v\nwant %+v", body, got, want)
	}
	if err == nil && depth(body) > maxDepth {
		t.Errorf("scan accepted depth %d", depth(body))
	}
}

func TestScanAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, body := range seeds() {
		compare(t, []byte(body))
	}
	opened := payload(t)
	compare(t, opened)
	got, err := scan(opened)
	want := fields{action: "opened", number: 42, installation: 51234567, repository: 812345678, fullName: "acme/shop", headSHA: strings.Repeat("a1b2c3d4", 5)}
	if err != nil || got != want {
		t.Errorf("scan = %+v, %v; want %+v", got, err, want)
	}
	for cut := range len(opened) { // wherever the body is truncated, it is malformed
		if cut%97 != 0 && cut < len(opened)-50 {
			continue
		}
		if _, err := scan(opened[:cut]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", cut, len(opened))
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, body := range seeds() {
		f.Add([]byte(body))
	}
	f.Add(payload(f))
	f.Fuzz(compare)
}

func payload(tb testing.TB) []byte {
	tb.Helper()
	body, err := os.ReadFile("testdata/pull_request.opened.json")
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func BenchmarkScan(b *testing.B) {
	body := payload(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scan(body); err != nil {
			b.Fatal(err)
		}
	}
}
