package openapi

// parsed reads a document with the default limits.
func parsed(file, content string) (*tree, error) {
	report := &findings{file: file}
	t := readTree(file, []byte(content), Limits{}.withDefaults(), report)
	if t == nil {
		return nil, &Error{Findings: report.problems}
	}
	return t, nil
}

// equal tells whether two values are the same apart from their places and the order of keys.
func equal(a, b value) bool {
	if a.kind() != b.kind() || a.text() != b.text() || a.entry().span != b.entry().span {
		return false
	}
	for k, v := range a.members() {
		if other := b.get(k.text()); !other.ok() || !equal(v, other) {
			return false
		}
	}
	var items []value
	for v := range b.items() {
		items = append(items, v)
	}
	n := 0
	for v := range a.items() {
		if n >= len(items) || !equal(v, items[n]) {
			return false
		}
		n++
	}
	return n == len(items)
}
