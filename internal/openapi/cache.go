package openapi

import (
	"container/list"
	"fmt"
	"hash/maphash"
	"sync"
)

// A Cache keeps what documents have been compiled to, by their content and that of the files that they refer to. It is safe
// for concurrent use. The zero value keeps up to 256 MiB.
type Cache struct {
	MaxBytes int64 // of contents and what was made of them; what has not been used for longest goes first

	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	order   list.List // of *cached, the one that was used last in front
	bytes   int64
}

const defaultCacheBytes = 256 << 20

type cacheKey struct {
	file     string
	length   int
	hash     uint64
	settings string
}

type cached struct {
	key      cacheKey
	content  []byte
	contract *contract
	bytes    int64
}

// key tells settings apart.
func (s settings) key() string {
	return fmt.Sprintf("%d %s %q %q %v", s.target, s.format, s.security.list, s.security.required, s.limits)
}

// compile is the document's contract, from the cache where the document and its files are as they were. The nil Cache
// keeps nothing.
func (c *Cache) compile(d *Document, s settings, settings string) (*contract, error) {
	if c == nil {
		return compile(d, s)
	}
	key := cacheKey{d.File, len(d.Content), maphash.Bytes(seed, d.Content), settings}
	if known := c.find(key); known != nil && string(known.content) == string(d.Content) && unchanged(d.Files, known.contract.read) {
		return known.contract, nil
	}
	made, err := compile(d, s)
	if err != nil {
		return nil, err
	}
	c.keep(&cached{key: key, content: d.Content, contract: made, bytes: made.bytes() + int64(len(d.Content))})
	return made, nil
}

func (c *Cache) find(key cacheKey) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached)
}

func (c *Cache) keep(entry *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[cacheKey]*list.Element{}
	}
	if old := c.entries[entry.key]; old != nil {
		c.drop(old)
	}
	c.entries[entry.key] = c.order.PushFront(entry)
	c.bytes += entry.bytes
	most := c.MaxBytes
	if most == 0 {
		most = defaultCacheBytes
	}
	for c.bytes > most && c.order.Len() > 1 {
		c.drop(c.order.Back())
	}
}

func (c *Cache) drop(e *list.Element) {
	entry := c.order.Remove(e).(*cached)
	delete(c.entries, entry.key)
	c.bytes -= entry.bytes
}

// bytes is about how much memory a contract takes.
func (c *contract) bytes() int64 {
	n := len(c.text) + 16*len(c.holes) + 160*len(c.items) + 320*len(c.operations) + 256*(len(c.problems)+len(c.warnings))
	for _, d := range c.read {
		n += len(d.content)
	}
	return int64(n)
}
