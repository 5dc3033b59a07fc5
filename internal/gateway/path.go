package gateway

import (
	"path"
	"strings"
)

// PathPolicy says how a request's path is prepared before it is matched. The zero value is ESPv2's default, which
// resolves "." and "..", decodes what needs no escape, and merges slashes.
type PathPolicy struct {
	// KeepDotSegments is ESPv2's normalize_path=false.
	KeepDotSegments bool
	// KeepSlashes is ESPv2's merge_slashes_in_path=false.
	KeepSlashes bool
	// RedirectEscapedSlashes is ESPv2's disallow_escaped_slashes_in_path=true: a path with %2F or %5C is answered by a
	// redirect to the same path with plain slashes.
	RedirectEscapedSlashes bool
}

// prepare returns the path that is matched and forwarded, in its escaped form.
func (p PathPolicy) prepare(escaped string) string {
	if !p.KeepDotSegments && strings.ContainsAny(escaped, "%\\.") {
		escaped = resolveDots(decodeUnreserved(escaped))
	}
	if !p.KeepSlashes && strings.Contains(escaped, "//") {
		escaped = mergeSlashes(escaped)
	}
	return escaped
}

// decodeUnreserved decodes the escapes that RFC 3986, section 6.2.2.2
// (https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2.2) calls equivalent to the plain character; others stay as the
// client wrote them. A backslash becomes a slash, as in Envoy.
func decodeUnreserved(s string) string {
	if !strings.ContainsAny(s, "%\\") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			b = append(b, '/')
		case s[i] == '%' && i+2 < len(s) && isUnreserved(unhex(s[i+1])<<4|unhex(s[i+2])):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	// No digit: whatever it is combined with has a high bit set, and so is not unreserved.
	return 0xff
}

// resolveDots removes "." and ".." segments (RFC 3986, section 5.2.4) and leaves repeated slashes alone.
func resolveDots(s string) string {
	if !strings.Contains(s, "/.") {
		return s
	}
	segments := strings.Split(s, "/")
	out := segments[:1]
	for i, segment := range segments[1:] {
		last := i == len(segments)-2
		switch segment {
		case ".", "..":
			if segment == ".." && len(out) > 1 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, segment)
		}
	}
	return strings.Join(out, "/")
}

func mergeSlashes(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '/' || i == 0 || s[i-1] != '/' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// unescapedSlashes returns the path with plain slashes, and whether that changed anything.
func unescapedSlashes(escaped string) (string, bool) {
	if !strings.Contains(escaped, "%") {
		return escaped, false
	}
	plain := strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", "/", "%5c", "/").Replace(escaped)
	return plain, plain != escaped
}

// joinBase puts the document's base path before a path of the document.
func joinBase(base, p string) string {
	if base == "" || base == "/" {
		return p
	}
	joined := path.Clean("/"+base) + p
	if p == "/" {
		return strings.TrimSuffix(joined, "/")
	}
	return joined
}
