// Package googleapi is what the emulators of Google's APIs have in common: names that have to be the same wherever they
// are asked for, and the forms of requests and answers. It holds no state.
package googleapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// ProjectNumber is the made-up number of a project: twelve digits, always the same for the same id.
func ProjectNumber(project string) string {
	sum := sha256.Sum256([]byte(project))
	return strconv.FormatUint(100_000_000_000+binary.BigEndian.Uint64(sum[:8])%900_000_000_000, 10)
}

// ComputeAccount is Compute Engine's default service account of a project, as which API Gateway and Cloud Run act when
// nothing else is configured: https://cloud.google.com/iam/docs/service-account-types#default
func ComputeAccount(project string) string {
	return ProjectNumber(project) + "-compute@developer.gserviceaccount.com"
}

// FieldName is the JSON name of a field in a mask or a filter, which may also have the name of the protocol buffer:
// https://protobuf.dev/programming-guides/json/
func FieldName(name string) string {
	var b strings.Builder
	upper := false
	for _, c := range name {
		switch {
		case c == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(c)))
			upper = false
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// WriteJSON answers with v. A value that can't be encoded gives status 500.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // an error here is the client's going away
}
