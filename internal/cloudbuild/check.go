package cloudbuild

import (
	"errors"
	"fmt"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
)

// CheckConfig tells everything that is wrong with a build configuration of the operator's; nil when nothing is. What only
// Cloud Build can tell is not looked at.
func CheckConfig(config []byte) error {
	b, err := ParseConfig(config)
	if err != nil {
		return err
	}
	var list []error
	if len(b.GetSteps()) == 0 {
		list = append(list, errors.New("it has no steps: write the steps that build the image"))
	}
	if len(b.GetImages()) == 0 {
		list = append(list, errors.New("it lists no images: write images: [\"${_IMAGE}:${_SHA}\"], because the digest in "+
			"the build's results is what Gangway deploys"))
	}
	return errors.Join(append(list, checkLogging(b))...)
}

// checkLogging holds a configuration to what Cloud Build demands of builds with a service account, which all of ours have:
// https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
func checkLogging(b *cloudbuildpb.Build) error {
	own := b.GetLogsBucket() != "" ||
		b.GetOptions().GetDefaultLogsBucketBehavior() == cloudbuildpb.BuildOptions_REGIONAL_USER_OWNED_BUCKET
	switch logging := b.GetOptions().GetLogging(); logging {
	case cloudbuildpb.BuildOptions_CLOUD_LOGGING_ONLY, cloudbuildpb.BuildOptions_NONE:
		return nil
	default:
		if own {
			return nil
		}
		return fmt.Errorf("options.logging is %s: builds run as a service account of yours, and then Cloud Build wants "+
			"options: {logging: CLOUD_LOGGING_ONLY}, or a bucket of yours in logsBucket", logging)
	}
}
