package terraform

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// traversal is the reference that address spells: names joined by dots, each with a number in brackets if it is counted.
// Addresses are made by this package.
func traversal(address string) hcl.Traversal {
	var out hcl.Traversal
	for i, part := range strings.Split(address, ".") {
		name, index, counted := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		if i == 0 {
			out = append(out, hcl.TraverseRoot{Name: name})
		} else {
			out = append(out, hcl.TraverseAttr{Name: name})
		}
		if n, err := strconv.ParseInt(index, 10, 64); counted && err == nil {
			out = append(out, hcl.TraverseIndex{Key: cty.NumberIntVal(n)})
		}
	}
	return out
}
