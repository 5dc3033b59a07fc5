package report

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// zeroWidth keeps what GitHub would turn into a mention or a link from being recognised.
const zeroWidth = "\u200b"

// Bounds of single texts, in bytes.
const (
	maxInline = 300
	maxURL    = 1000
	maxLog    = 6000
	maxLines  = 40
)

// clean makes one line of s: no control characters, no characters that change the direction of writing or that can't be
// seen, valid UTF-8.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}

// cut shortens s to at most limit bytes without cutting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// text is s as running text in Markdown: nothing in it is markup, HTML, a mention or a link. It must not begin a line,
// because some markup is only markup there.
// https://github.github.com/gfm/#backslash-escapes, https://github.github.com/gfm/#autolinks-extension-
func text(s string) string {
	var b strings.Builder
	s = cut(clean(s), maxInline)
	for i, r := range s {
		switch {
		case r == '@':
			b.WriteString("@" + zeroWidth)
		case r == '#':
			b.WriteString(`\#` + zeroWidth)
		case strings.ContainsRune("\\`*_~[]<>&|$!{}", r):
			b.WriteString(`\` + string(r))
		case r == ':':
			b.WriteString(":")
			if strings.HasPrefix(s[i:], "://") {
				b.WriteString(zeroWidth)
			}
		case r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"), r == '-' && i >= 2 && strings.EqualFold(s[i-2:i], "gh"):
			b.WriteString(zeroWidth + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is s as a code span, in which GitHub recognises nothing; also fit for a cell of a table. An empty one is a dash.
// https://github.github.com/gfm/#code-spans, https://github.github.com/gfm/#example-200
func code(s string) string {
	s = cut(clean(s), maxInline)
	if s == "" {
		return "–"
	}
	ticks := strings.Repeat("`", longestRun(s)+1)
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return ticks + pad + strings.ReplaceAll(s, "|", "¦") + pad + ticks
}

// fence is the end of a text of several lines as a code block that nothing in it can end.
// https://github.github.com/gfm/#fenced-code-blocks
func fence(s string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(s, "\r", "\n")), "\n")
	if len(lines) > maxLines {
		lines = lines[len(lines)-maxLines:]
	}
	for i, line := range lines {
		lines[i] = cleanLine(line)
	}
	body := strings.Join(lines, "\n")
	if over := len(body) - maxLog; over > 0 {
		for over < len(body) && !utf8.RuneStart(body[over]) {
			over++
		}
		body = "…" + body[over:]
	}
	ticks := strings.Repeat("`", max(3, longestRun(body)+1))
	return ticks + "text\n" + body + "\n" + ticks
}

// cleanLine is clean, with the indentation kept.
func cleanLine(s string) string {
	indent := len(s) - len(strings.TrimLeft(s, " \t"))
	return strings.ReplaceAll(s[:indent], "\t", "    ") + clean(s[indent:])
}

// longestRun is the length of the longest run of backticks in s.
func longestRun(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// address is a URL that is safe as a link's destination, or "" when it isn't one. Everything that could end the
// destination is escaped.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(raw) > maxURL {
		return ""
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return !isPlain(r) || strings.ContainsRune("/?#%&=+,;", r) }) {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		if isPlain(rune(c)) {
			b.WriteByte(c)
			continue
		}
		const hexadecimal = "0123456789ABCDEF"
		b.Write([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]})
	}
	return b.String()
}

// isPlain tells whether a character of a URL means nothing to Markdown.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r != 0 && strings.ContainsRune("-._~/:?#&=%+,;", r)
}

// link is a link with words of ours, or "" when there is nowhere to link to.
func link(words, raw string) string {
	to := address(raw)
	if to == "" {
		return ""
	}
	return "[" + words + "](" + to + ")"
}

// span is a duration as people write it: 1m 48s.
func span(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h >= 48 && h%24 == 0 && m == 0 && s == 0:
		return plural(h/24, "day")
	case h > 0 && m == 0 && s == 0:
		return plural(h, "hour")
	case h > 0 && m == 0:
		return unit(h, "h")
	case h > 0:
		return join(" ", unit(h, "h"), unit(m, "m"))
	case m > 0 && s == 0:
		return unit(m, "m")
	case m > 0:
		return join(" ", unit(m, "m"), unit(s, "s"))
	}
	return unit(s, "s")
}
