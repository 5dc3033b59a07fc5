package apigateway

import (
	"maps"
	"slices"
)

// global is the location of APIs and configs.
const global = "global"

// regionCodes returns the regions that have gateways (https://docs.cloud.google.com/api-gateway/docs/deployment-model)
// with the codes that stand for them in host names.
func regionCodes() map[string]string {
	return map[string]string{
		"asia-northeast1":      "an",
		"australia-southeast1": "ts",
		"europe-west1":         "ew",
		"europe-west2":         "nw",
		"us-central1":          "uc",
		"us-east1":             "ue",
		"us-east4":             "uk",
		"us-west2":             "wl",
		"us-west3":             "wm",
		"us-west4":             "wn",
	}
}

func locations() []string {
	return append(slices.Sorted(maps.Keys(regionCodes())), global)
}
