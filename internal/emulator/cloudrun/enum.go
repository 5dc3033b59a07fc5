package cloudrun

// enums are the names of the enums that a service may have, by field and number
// (https://github.com/googleapis/googleapis/tree/master/google/cloud/run/v2). Those of traffic are in parseTraffic.
var enums = map[string][]string{
	"ingress": {
		"INGRESS_TRAFFIC_UNSPECIFIED", "INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY",
		"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "INGRESS_TRAFFIC_NONE",
	},
	"launchStage": {
		"LAUNCH_STAGE_UNSPECIFIED", "EARLY_ACCESS", "ALPHA", "BETA", "GA", "DEPRECATED", "UNIMPLEMENTED", "PRELAUNCH",
	},
	"executionEnvironment": {
		"EXECUTION_ENVIRONMENT_UNSPECIFIED", "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2",
	},
	"egress":                        {"VPC_EGRESS_UNSPECIFIED", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"},
	"medium":                        {"MEDIUM_UNSPECIFIED", "MEMORY"},
	"encryptionKeyRevocationAction": {"ENCRYPTION_KEY_REVOCATION_ACTION_UNSPECIFIED", "PREVENT_NEW", "SHUTDOWN"},
}

// withNames is v with the numbers of enums, which Google's client libraries send, as the names that answers have. It changes
// nothing of v, parts of which may be what is served right now.
func withNames(v any) any {
	switch v := v.(type) {
	case object:
		named := make(object, len(v))
		for key, value := range v {
			n, ok := value.(float64)
			if names := enums[key]; ok && n >= 0 && int(n) < len(names) {
				named[key] = names[int(n)]
			} else {
				named[key] = withNames(value)
			}
		}
		return named
	case []any:
		named := make([]any, len(v))
		for i := range v {
			named[i] = withNames(v[i])
		}
		return named
	}
	return v
}
