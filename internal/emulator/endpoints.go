package emulator

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// Endpoints are where the far ends are, and what is needed to be let in.
type Endpoints struct {
	GitHub        string // http://127.0.0.1:PORT; REST is below /api/v3/
	CloudBuild    string
	CloudRun      string
	APIGateway    string
	Logging       string
	SecretManager string
	Storage       string
	Monitoring    string
	Identity      string // issues tokens; keys at /.well-known/jwks.json
	Edge          string // front of revisions and gateways; a forward proxy for names below localhost
	PubSub        string // host:port
	Firestore     string // host:port; "" where there is none
	Project       string
	AppID         int64
	AppKeyFile    string
	SecretFile    string // of the webhook
}

// Env is the endpoints as environment variables that Gangway's commands, Terraform's Google providers, gcloud and the
// Pub/Sub client library understand, sorted.
func (e Endpoints) Env() []string {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(e.Edge, "http://"))
	list := []string{
		"GITHUB_API_URL=" + e.GitHub + "/api/v3/",
		"GITHUB_WRITE_INTERVAL=1ms",
		"GITHUB_APP_ID=" + strconv.FormatInt(e.AppID, 10),
		"GITHUB_APP_KEY_FILE=" + e.AppKeyFile,
		"GITHUB_WEBHOOK_SECRETS_FILE=" + e.SecretFile,
		"GANGWAY_PROJECT=" + e.Project,
		"GANGWAY_ENSURE_TOPICS=true",
		"GANGWAY_CLOUD_RUN_ENDPOINT=" + e.CloudRun,
		"GANGWAY_CLOUD_BUILD_ENDPOINT=" + e.CloudBuild,
		"GANGWAY_API_GATEWAY_ENDPOINT=" + e.APIGateway,
		"GANGWAY_SECRET_MANAGER_ENDPOINT=" + e.SecretManager,
		"GANGWAY_LOGGING_ENDPOINT=" + e.Logging,
		"GANGWAY_STORAGE_ENDPOINT=" + e.Storage,
		"GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT=" + e.Storage + "/storage/v1/", // of Terraform's states
		"GANGWAY_LINK_SCHEME=http",
		"GANGWAY_EMULATOR_TOKEN=" + iam.OwnerToken,
		"PUBSUB_EMULATOR_HOST=" + e.PubSub,
		"GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT=" + e.APIGateway + "/v1beta/",
		"GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT=" + e.CloudRun + "/v2/",
		"GOOGLE_OAUTH_ACCESS_TOKEN=" + iam.OwnerToken,
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=http://run" + apiDomain + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD=http://cloudbuild" + apiDomain + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_APIGATEWAY=http://apigateway" + apiDomain + "/",
		"CLOUDSDK_PROXY_TYPE=http",
		"CLOUDSDK_PROXY_ADDRESS=" + host,
		"CLOUDSDK_PROXY_PORT=" + port,
		"CLOUDSDK_AUTH_ACCESS_TOKEN=" + iam.OwnerToken,
		"CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API=false", // it would ask Service Usage
		"CLOUDSDK_CORE_PROJECT=" + e.Project,
	}
	if e.Firestore != "" {
		list = append(list, "FIRESTORE_EMULATOR_HOST="+e.Firestore, "GANGWAY_STORE=firestore://"+e.Project)
	}
	slices.Sort(list)
	return list
}

// EnvFile is [Endpoints.Env] as a file that a shell can source.
func (e Endpoints) EnvFile() string {
	var b strings.Builder
	for _, line := range e.Env() {
		name, value, _ := strings.Cut(line, "=")
		b.WriteString(Export(name, value))
	}
	return b.String()
}

// Export is the line of a shell that sets an environment variable.
func Export(name, value string) string {
	return fmt.Sprintf("export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
}

// GitHubAt is where the emulated GitHub of the cloud in dir is, running or not.
func GitHubAt(dir string) (string, error) {
	var p ports
	if err := disk.Load(filepath.Join(dir, "ports.json"), &p); err != nil {
		return "", err
	}
	if p.GitHub == 0 {
		return "", fmt.Errorf("no local cloud has run in %s", dir)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", p.GitHub), nil
}
