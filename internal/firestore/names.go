package firestore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxName is how long the id of a document may be, in bytes: https://firebase.google.com/docs/firestore/quotas#limits
const maxName = 1500

// documentName is text as the id of a document: it may hold no slash, and may not be ".", ".." or of the form __…__. Other
// texts have other names. What is too long ends with a digest instead.
func documentName(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == ':',
			c == '.' && text != "." && text != "..", c == '_' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if name == "" {
		return "%" // nothing else is written so
	}
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(text))
		return name[:maxName-100] + "%" + hex.EncodeToString(sum[:])
	}
	return name
}

// rowName is the id of a row's document.
func rowName(key preview.Key, owner preview.Owner) string {
	return documentName(preview.LeaseName(key, owner))
}

// keyOf reads the key of a row's document from its id. It is kept nowhere else that matters, so that damage to what
// is in a document can't turn it into another preview's.
func keyOf(name string, owner preview.Owner) (preview.Key, error) {
	text, err := url.PathUnescape(name)
	if err != nil {
		return preview.Key{}, fmt.Errorf("document %q: %w", name, err)
	}
	key, ok := strings.CutPrefix(text, string(owner)+":")
	if !ok {
		return preview.Key{}, fmt.Errorf("document %q is not a row of %s", name, owner)
	}
	return preview.ParseKey(key)
}
