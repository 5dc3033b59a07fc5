package receive

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"strings"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// The headers of a delivery:
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
const (
	headerEvent     = "X-Github-Event"
	headerDelivery  = "X-Github-Delivery"
	headerSignature = "X-Hub-Signature-256"
)

// checkRequest refuses what can't be a delivery before anything of it is read.
func checkRequest(r *http.Request) error {
	if r.Method != http.MethodPost {
		return &refusal{http.StatusMethodNotAllowed, "refused", "want POST"}
	}
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || mediaType != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &refusal{
			http.StatusUnsupportedMediaType, "refused",
			"want Content-Type application/json: choose it in the webhook's settings",
		}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &refusal{http.StatusUnsupportedMediaType, "refused", "want no Content-Encoding"}
	}
	return nil
}

// eventOf is the event as the counters know it: pull_request, ping, or other.
func eventOf(r *http.Request) string {
	switch values := r.Header.Values(headerEvent); {
	case len(values) != 1:
	case values[0] == "pull_request", values[0] == "ping":
		return values[0]
	}
	return "other"
}

// signatureOf reads the one signature header. SHA-1 signatures (X-Hub-Signature) do not count.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
func signatureOf(r *http.Request) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	malformed := &refusal{http.StatusUnauthorized, "unsigned", "want one header X-Hub-Signature-256: sha256= and 64 lower-case hexadecimal digits"}
	values := r.Header.Values(headerSignature)
	if len(values) != 1 {
		return sum, malformed
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return sum, malformed
	}
	for i := range len(digits) {
		if !hexDigit(digits[i]) {
			return sum, malformed
		}
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return sum, malformed
	}
	return sum, nil
}

// verify tells whether signature was made with one of the secrets. It takes as long whichever it is. An empty secret is
// none: everybody knows it.
func verify(secrets []telemetry.Secret, body []byte, signature [sha256.Size]byte) bool {
	valid := false
	var sum [sha256.Size]byte
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(body)
		if hmac.Equal(mac.Sum(sum[:0]), signature[:]) {
			valid = true
		}
	}
	return valid
}

// deliveryID is GitHub's id of the delivery, or "" when the header holds something else than a GUID: it goes into logs
// and messages, and the signature doesn't cover it.
func deliveryID(r *http.Request) string {
	const form = "00000000-0000-0000-0000-000000000000"
	id := r.Header.Get(headerDelivery)
	if len(id) != len(form) {
		return ""
	}
	for i := range len(id) {
		if form[i] == '-' && id[i] != '-' || form[i] == '0' && !hexDigit(id[i]) && (id[i] < 'A' || id[i] > 'F') {
			return ""
		}
	}
	return id
}

// word is s if it is an action as GitHub spells them, else "".
func word(s string) string {
	const longest = 64
	if len(s) > longest {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return ""
		}
	}
	return s
}

// commit is s if it is a commit's full SHA, else "".
func commit(s string) string {
	if len(s) != 40 && len(s) != 64 {
		return ""
	}
	for i := range len(s) {
		if !hexDigit(s[i]) {
			return ""
		}
	}
	return s
}

// fullName is s if it can be owner/name, else "".
func fullName(s string) string {
	const longest = 100 // of each; GitHub allows 39 and 100
	owner, name, ok := strings.Cut(s, "/")
	if !ok || !isName(owner, longest) || !isName(name, longest) {
		return ""
	}
	return s
}

func isName(s string, longest int) bool {
	if s == "" || len(s) > longest || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
