package cloudbuild

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Build is a Cloud Build build, as far as it is emulated. Names and meaning are those of the REST API.
type Build struct {
	Name             string            `json:"name,omitempty"`
	ID               string            `json:"id,omitempty"`
	ProjectID        string            `json:"projectId,omitempty"`
	Status           Enum              `json:"status,omitempty"`
	StatusDetail     string            `json:"statusDetail,omitempty"`
	Source           *Source           `json:"source,omitempty"`
	Steps            []*Step           `json:"steps,omitempty"`
	Results          *Results          `json:"results,omitempty"`
	CreateTime       *time.Time        `json:"createTime,omitempty"`
	StartTime        *time.Time        `json:"startTime,omitempty"`
	FinishTime       *time.Time        `json:"finishTime,omitempty"`
	Timeout          Duration          `json:"timeout,omitempty"`
	Images           []string          `json:"images,omitempty"`
	QueueTTL         Duration          `json:"queueTtl,omitempty"`
	LogsBucket       string            `json:"logsBucket,omitempty"`
	SourceProvenance *SourceProvenance `json:"sourceProvenance,omitempty"`
	Options          *BuildOptions     `json:"options,omitempty"`
	LogURL           string            `json:"logUrl,omitempty"`
	Substitutions    map[string]string `json:"substitutions,omitempty"`
	Tags             []string          `json:"tags,omitempty"`
	Timing           map[string]Span   `json:"timing,omitempty"`
	ServiceAccount   string            `json:"serviceAccount,omitempty"`
	FailureInfo      *FailureInfo      `json:"failureInfo,omitempty"`
}

// Source says what is built. Exactly one field is set.
type Source struct {
	GitSource           *GitSource           `json:"gitSource,omitempty"`
	ConnectedRepository *ConnectedRepository `json:"connectedRepository,omitempty"`
	StorageSource       *StorageSource       `json:"storageSource,omitempty"`
}

// StorageSource is an archive in a bucket.
type StorageSource struct {
	Bucket        string `json:"bucket,omitempty"`
	Object        string `json:"object,omitempty"`
	Generation    Number `json:"generation,omitempty"`
	SourceFetcher Enum   `json:"sourceFetcher,omitempty"`
}

// GitSource is a repository by its URL.
type GitSource struct {
	URL      string `json:"url,omitempty"`
	Dir      string `json:"dir,omitempty"`
	Revision string `json:"revision,omitempty"`
}

// ConnectedRepository is a repository by its resource name.
type ConnectedRepository struct {
	Repository string `json:"repository,omitempty"`
	Dir        string `json:"dir,omitempty"`
	Revision   string `json:"revision,omitempty"`
}

// SourceProvenance says which commit was built.
type SourceProvenance struct {
	ResolvedGitSource           *GitSource           `json:"resolvedGitSource,omitempty"`
	ResolvedConnectedRepository *ConnectedRepository `json:"resolvedConnectedRepository,omitempty"`
	ResolvedStorageSource       *StorageSource       `json:"resolvedStorageSource,omitempty"`
}

// Step is one step and how it went.
type Step struct {
	Name           string   `json:"name,omitempty"`
	ID             string   `json:"id,omitempty"`
	Args           []string `json:"args,omitempty"`
	Env            []string `json:"env,omitempty"`
	Dir            string   `json:"dir,omitempty"`
	Entrypoint     string   `json:"entrypoint,omitempty"`
	Script         string   `json:"script,omitempty"`
	WaitFor        []string `json:"waitFor,omitempty"`
	Timeout        Duration `json:"timeout,omitempty"`
	AllowFailure   bool     `json:"allowFailure,omitempty"`
	AllowExitCodes []int    `json:"allowExitCodes,omitempty"`
	Automap        *bool    `json:"automapSubstitutions,omitempty"`
	Status         Enum     `json:"status,omitempty"`
	Timing         *Span    `json:"timing,omitempty"`
	ExitCode       int      `json:"exitCode,omitempty"`
}

// BuildOptions are those of the API that matter here, or are accepted and change nothing.
type BuildOptions struct {
	Logging                   Enum            `json:"logging,omitempty"`
	SubstitutionOption        Enum            `json:"substitutionOption,omitempty"`
	DynamicSubstitutions      bool            `json:"dynamicSubstitutions,omitempty"`
	AutomapSubstitutions      bool            `json:"automapSubstitutions,omitempty"`
	Env                       []string        `json:"env,omitempty"`
	MachineType               Enum            `json:"machineType,omitempty"`
	DiskSizeGb                json.RawMessage `json:"diskSizeGb,omitempty"`
	DefaultLogsBucketBehavior Enum            `json:"defaultLogsBucketBehavior,omitempty"`
	LogStreamingOption        Enum            `json:"logStreamingOption,omitempty"`
	RequestedVerifyOption     Enum            `json:"requestedVerifyOption,omitempty"`
}

// Results are what a build has made.
type Results struct {
	Images          []BuiltImage `json:"images,omitempty"`
	BuildStepImages []string     `json:"buildStepImages,omitempty"`
}

// BuiltImage is a pushed image.
type BuiltImage struct {
	Name       string `json:"name,omitempty"`
	Digest     string `json:"digest,omitempty"`
	PushTiming *Span  `json:"pushTiming,omitempty"`
}

// Span is when something began and ended.
type Span struct {
	StartTime *time.Time `json:"startTime,omitempty"`
	EndTime   *time.Time `json:"endTime,omitempty"`
}

// FailureInfo says why a build did not succeed.
type FailureInfo struct {
	Type   Enum   `json:"type,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Enum is a value that a request may give by name or by number.
type Enum string

// UnmarshalJSON reads both forms; a number stays one until [Build.normalise] names it.
func (e *Enum) UnmarshalJSON(data []byte) error {
	var number int
	if json.Unmarshal(data, &number) == nil {
		*e = Enum(strconv.Itoa(number))
		return nil
	}
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return err
	}
	*e = Enum(name)
	return nil
}

// Number is a whole number as Google's JSON has it, which is a text; a request may write it either way.
type Number int64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return json.Marshal(strconv.FormatInt(int64(n), 10)) }

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	i, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64)
	*n = Number(i)
	return err
}

// Duration is a time span as Google's JSON has it: "1.5s".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64) + "s")
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	seconds, ok := strings.CutSuffix(text, "s")
	f, err := strconv.ParseFloat(seconds, 64)
	if !ok || err != nil || f < 0 || f > 1e9 {
		return fmt.Errorf("%q is not a duration", text)
	}
	*d = Duration(f * float64(time.Second))
	return nil
}

// The statuses of builds and steps.
const (
	statusPending       Enum = "PENDING"
	statusQueued        Enum = "QUEUED"
	statusWorking       Enum = "WORKING"
	statusSuccess       Enum = "SUCCESS"
	statusFailure       Enum = "FAILURE"
	statusInternalError Enum = "INTERNAL_ERROR"
	statusTimeout       Enum = "TIMEOUT"
	statusCancelled     Enum = "CANCELLED"
	statusExpired       Enum = "EXPIRED"
)

func done(s Enum) bool {
	return s != "" && s != statusPending && s != statusQueued && s != statusWorking
}

// enumNames are the numbers of the enumerations that a request may hold:
// https://github.com/googleapis/googleapis/blob/master/google/devtools/cloudbuild/v1/cloudbuild.proto
func enumNames(field string) []string {
	switch field {
	case "logging":
		return []string{"LOGGING_UNSPECIFIED", "LEGACY", "GCS_ONLY", "STACKDRIVER_ONLY", "NONE", "CLOUD_LOGGING_ONLY"}
	case "substitutionOption":
		return []string{"MUST_MATCH", "ALLOW_LOOSE"}
	case "machineType":
		return []string{"UNSPECIFIED", "N1_HIGHCPU_8", "N1_HIGHCPU_32", "", "", "E2_HIGHCPU_8", "E2_HIGHCPU_32", "E2_MEDIUM"}
	case "defaultLogsBucketBehavior":
		return []string{"DEFAULT_LOGS_BUCKET_BEHAVIOR_UNSPECIFIED", "REGIONAL_USER_OWNED_BUCKET", "LEGACY_BUCKET"}
	case "logStreamingOption":
		return []string{"STREAM_DEFAULT", "STREAM_ON", "STREAM_OFF"}
	case "requestedVerifyOption":
		return []string{"NOT_VERIFIED", "VERIFIED"}
	}
	return nil
}

// normalise gives numbers their names.
func (o *BuildOptions) normalise() error {
	for field, value := range map[string]*Enum{
		"logging": &o.Logging, "substitutionOption": &o.SubstitutionOption, "machineType": &o.MachineType,
		"defaultLogsBucketBehavior": &o.DefaultLogsBucketBehavior, "logStreamingOption": &o.LogStreamingOption,
		"requestedVerifyOption": &o.RequestedVerifyOption,
	} {
		names := enumNames(field)
		if *value == "" {
			continue
		}
		if n, err := strconv.Atoi(string(*value)); err == nil && n >= 0 && n < len(names) && names[n] != "" {
			*value = Enum(names[n])
		}
		known := false
		for _, name := range names {
			known = known || name != "" && Enum(name) == *value
		}
		if !known {
			return fmt.Errorf("Invalid value at 'build.options.%s': %q", field, *value) //nolint:staticcheck // Google's words
		}
	}
	return nil
}
