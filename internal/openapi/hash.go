package openapi

import "hash/maphash"

// seed makes hashes different in each process, so that nobody can prepare values that have the same one.
var seed = maphash.MakeSeed()

// hash is a number for what built values say: the same for values that differ only in the order of keys. References count
// by the names that their items have in the document; what these mean is compared by classify. It is only used within a
// process, and never decides about what is written but whether two values are the same.
func (c *compiler) hash(nodes []built) uint64 {
	h, _ := c.hashNode(nodes, 0)
	return h
}

func hashName(s section, name string) uint64 { return mix(uint64(s), maphash.String(seed, name)) }

// hashNode is the hash of the node at an index and the index after it.
func (c *compiler) hashNode(nodes []built, i int) (uint64, int) {
	n := &nodes[i]
	switch {
	case n.hole == toItem:
		return mix(1, c.contract.items[n.at].named), i + 1
	case n.hole != noHole:
		return mix(2, uint64(n.hole)<<32|uint64(uint32(n.at))), i + 1 //nolint:gosec // an index
	case n.kind == sequence:
		sum, end := uint64(3), i+int(n.span)
		for j := i + 1; j < end; {
			var h uint64
			h, j = c.hashNode(nodes, j)
			sum = mix(sum, h)
		}
		return sum, end
	case n.kind == mapping:
		sum, end := uint64(4), i+int(n.span)
		for j := i + 1; j < end; {
			key := maphash.String(seed, nodes[j].text)
			var h uint64
			h, j = c.hashNode(nodes, j+1)
			sum += mix(key, h) // in any order
		}
		return mix(sum, 5), end
	default:
		return mix(uint64(n.kind)+16, maphash.String(seed, n.text)), i + 1
	}
}

// mix makes one hash of two; the order matters. It is the finalizer of SplitMix64.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
