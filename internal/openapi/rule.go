package openapi

// A Rule names what a finding is about, for tools that group findings. docs/composition.md describes each.
type Rule string

// The rules.
const (
	RuleSyntax        Rule = "syntax"        // the file is not YAML or JSON
	RuleDuplicateKey  Rule = "duplicate-key" // a mapping has a key twice
	RuleLimit         Rule = "limit"         // one of the Limits
	RuleVersion       Rule = "version"       // not a version of OpenAPI that is composed
	RuleStructure     Rule = "structure"     // a value is of the wrong kind, or misses what OpenAPI asks for
	RuleReference     Rule = "reference"     // a $ref that leads nowhere or must not be followed
	RulePath          Rule = "path"          // a path that API Gateway can't route
	RulePrefix        Rule = "prefix"        // a prefix of paths that the service doesn't know
	RuleConflict      Rule = "conflict"      // two operations for the same requests
	RuleParameter     Rule = "parameter"     // a parameter that is contradictory or not supported
	RuleOperationID   Rule = "operation-id"  // an operation without an operationId
	RuleSecurity      Rule = "security"      // what API Gateway can't ask for, or the configuration doesn't know
	RuleBackend       Rule = "backend"       // x-google-backend
	RuleManagement    Rule = "management"    // metrics and quotas
	RuleExtension     Rule = "extension"     // a field that is left out
	RuleName          Rule = "name"          // a shared value that had to be renamed
	RuleConversion    Rule = "conversion"    // what is lost on the way to OpenAPI 3.0
	RuleTag           Rule = "tag"           // tags with the same name and different words
	RuleTooMany       Rule = "too-many"      // findings that are not listed
	RuleConfiguration Rule = "configuration" // what the caller gave, not a document
)
