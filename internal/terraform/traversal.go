package terraform

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// traversal is the reference that address spells: names joined by dots. Addresses are constants of this package.
func traversal(address string) hcl.Traversal {
	var out hcl.Traversal
	for i, name := range strings.Split(address, ".") {
		if i == 0 {
			out = append(out, hcl.TraverseRoot{Name: name})
			continue
		}
		out = append(out, hcl.TraverseAttr{Name: name})
	}
	return out
}
