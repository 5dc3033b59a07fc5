package gateway

import "strings"

// Problem is one thing that is wrong with a document.
type Problem struct {
	// Location is the place within the document, such as "Operation 'get' in path '/buckets'"; empty for the whole.
	Location string
	// Message says what is wrong, for the author of the document.
	Message string
}

// DocumentError holds everything that makes a document unusable: first what was found while it was read, then what was
// found while its routes were made, each in the order of paths and methods.
type DocumentError struct {
	Problems []Problem
}

// Error gives all problems in one line.
func (e *DocumentError) Error() string {
	var b strings.Builder
	b.WriteString("the gateway document is not usable")
	separator := ": "
	for _, p := range e.Problems {
		b.WriteString(separator)
		separator = "; "
		if p.Location != "" {
			b.WriteString(p.Location)
			b.WriteString(": ")
		}
		b.WriteString(p.Message)
	}
	return b.String()
}

func (e *DocumentError) add(location, message string) {
	e.Problems = append(e.Problems, Problem{Location: location, Message: message})
}
