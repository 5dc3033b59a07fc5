package conformance

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// formats are those of strings that are checked. Google's are of
// https://developers.google.com/discovery/v1/type-format, in the spelling of https://protobuf.dev/programming-guides/json/;
// OpenAPI's of https://spec.openapis.org/registry/format/.
var formats = map[string]func(string) bool{
	"int64":            func(v string) bool { _, err := strconv.ParseInt(v, 10, 64); return err == nil },
	"uint64":           func(v string) bool { _, err := strconv.ParseUint(v, 10, 64); return err == nil },
	"byte":             isBase64,
	"date":             func(v string) bool { _, err := time.Parse(time.DateOnly, v); return err == nil },
	"date-time":        isTime,
	"google-datetime":  isTime,
	"google-duration":  regexp.MustCompile(`^-?\d{1,12}(\.\d{1,9})?s$`).MatchString,
	"google-fieldmask": regexp.MustCompile(`^$|^(\*|[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_*-]+)*)(,[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_*-]+)*)*$`).MatchString,
	"uri":              isURI,
}

func isTime(v string) bool {
	_, err := time.Parse(time.RFC3339Nano, v)
	return err == nil
}

// isBase64 takes both alphabets, with or without padding, as readers of ProtoJSON do.
func isBase64(v string) bool {
	v = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(v, "="))
	_, err := base64.RawStdEncoding.DecodeString(v)
	return err == nil
}

// isURI takes URI templates too, which GitHub calls so. The empty string stands for none.
func isURI(v string) bool {
	if v == "" {
		return true
	}
	u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(v))
	return err == nil && u.IsAbs()
}
