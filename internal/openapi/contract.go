package openapi

// A contract is one service's document, compiled: what composing needs of it, without its tree. It depends on the
// document's files and on the settings, not on the service's name, its address or other documents. It is immutable once
// compiled, and may be shared between compositions and goroutines.
type contract struct {
	version    version // of the document
	operations []*operation
	items      []*item
	inlined    []inlined
	links      []linked
	extras     []extra // extensions of path items
	tags       []tag
	metrics    []managed
	quota      []managed
	piece      // all text of the document's operations and items
	read       []dependency
	findings
}

// piece is written text with its holes, in the order of their offsets.
type piece struct {
	text  []byte
	holes []hole
}

// fragment is a part of a contract's piece.
type fragment struct{ start, end, firstHole, lastHole int32 }

// An item is a value that operations share: a schema, a parameter, a response and so on. Each service's is one of its own
// until names are settled.
type item struct {
	section  section
	name     string // in its own document
	safe     string // the name as every version of OpenAPI allows it
	at       place
	named    uint64 // hash of section and name
	hash     uint64 // of what it says, name included; equal for equal items
	targets  []int  // items that it refers to, each once
	inherits bool   // payloads name it: it has a discriminator, or what it is made of has one
	links    bool   // it leads to operations of its own service: no other service's item means the same
	fragment
}

// inlined is a path parameter of an operation that is a reference: how it is written out.
type inlined struct {
	item, segment int
	settled       value // only while the operation is compiled
	fragment
}

// extra is a field of a path item that is no operation.
type extra struct {
	key      string
	hash     uint64
	at       place
	fragment // as a member of the path
}

// A tag is one of the root's tags: words by field.
type tag struct {
	name   string
	fields []field
}

type field struct {
	key   string
	value []built
	hash  uint64
	at    place
}

// managed is a metric or a limit of x-google-management or x-google-api-management, as the target writes it.
type managed struct {
	name  string
	value []built
	hash  uint64
	at    place
}
