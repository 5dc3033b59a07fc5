package firestore

import (
	"fmt"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// fields reads the fields of a document and notes the first one that is not what it should be.
type fields struct {
	values   map[string]any
	document string
	err      error
}

func (f *fields) bad(name string, value any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: field %s of document %q is a %T", preview.ErrUnreadable, name, f.document, value)
	}
}

// number is a number that is not negative; preset when it is missing.
func (f *fields) number(name string, preset int64) int64 {
	value, ok := f.values[name]
	if !ok {
		return preset
	}
	n, ok := value.(int64)
	if !ok {
		f.bad(name, value)
	} else if n < 0 && f.err == nil {
		f.err = fmt.Errorf("%w: field %s of document %q is negative", preview.ErrUnreadable, name, f.document)
	}
	return n
}

// flag is false when it is missing.
func (f *fields) flag(name string) bool {
	value, ok := f.values[name]
	if !ok {
		return false
	}
	set, ok := value.(bool)
	if !ok {
		f.bad(name, value)
	}
	return set
}

// text is "" when it is missing.
func (f *fields) text(name string) string {
	value, ok := f.values[name]
	if !ok {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		f.bad(name, value)
	}
	return s
}

// time is zero when it is missing or null.
func (f *fields) time(name string) time.Time {
	value := f.values[name]
	if value == nil {
		return time.Time{}
	}
	ms, ok := value.(int64)
	if !ok {
		f.bad(name, value)
		return time.Time{}
	}
	return fromMillis(ms)
}

func fromMillis(ms any) time.Time {
	if n, ok := ms.(int64); ok {
		return time.UnixMilli(n).UTC()
	}
	return time.Time{}
}

// toMillis is nil, Firestore's null, for the zero time.
func toMillis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}
