package openapi

import "cmp"

// Limits keep time and memory in proportion to what a repository may hold. What is beyond them is refused with a finding.
// A field that is 0 has its default.
type Limits struct {
	DocumentBytes int // of one service's document with all its files; 10 MiB
	ResultBytes   int // of the composed document; 10 MB, which is API Gateway's own limit
	Depth         int // of nested values; 100
	Values        int // of one service's document, keys counted too, after aliases are expanded; 2,000,000
	AliasValues   int // that YAML's aliases and merge keys add; 500,000
	Files         int // of one service's document; 200

	usedValues, usedAliasValues int // by the document's files that were read before
}

// The limit of API Gateway on a document: https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions.
const gatewayBytes = 10_000_000

func (l Limits) withDefaults() Limits {
	return Limits{
		DocumentBytes: cmp.Or(l.DocumentBytes, 10<<20),
		ResultBytes:   cmp.Or(l.ResultBytes, gatewayBytes),
		Depth:         cmp.Or(l.Depth, 100),
		Values:        cmp.Or(l.Values, 2_000_000),
		AliasValues:   cmp.Or(l.AliasValues, 500_000),
		Files:         cmp.Or(l.Files, 200),

		usedValues: l.usedValues, usedAliasValues: l.usedAliasValues,
	}
}
