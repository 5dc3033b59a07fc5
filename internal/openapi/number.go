package openapi

import "math/big"

// maxPrecision bounds the work on numbers whose exponents are huge.
const maxPrecision = 2000

// stricter tells whether a bound leaves less than another one that is exclusive: a lower bound if it is greater, an upper
// bound if it is less.
func stricter(lower bool, bound, exclusive string) bool {
	a, okA := exact(bound)
	b, okB := exact(exclusive)
	if !okA || !okB {
		return false
	}
	if lower {
		return a.Cmp(b) > 0
	}
	return a.Cmp(b) < 0
}

func exact(literal string) (*big.Float, bool) {
	f, _, err := big.ParseFloat(literal, 10, maxPrecision, big.ToNearestEven)
	return f, err == nil
}
