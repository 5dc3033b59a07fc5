package gcloud

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrAbsent says that the Google Cloud CLI, the wanted emulator of it or Java is not installed.
var ErrAbsent = errors.New("not installed")

// A kind is one of the emulators.
type kind struct {
	name      string
	jar       string // pattern, below the CLI's folder
	class     string // main class; "" is the one that the jar names
	component string // what installs it: https://cloud.google.com/sdk/docs/components
	debian    string // https://cloud.google.com/sdk/docs/install#deb
}

var (
	firestore = kind{
		name: "Firestore emulator", jar: "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
		class:     "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
		component: "cloud-firestore-emulator", debian: "google-cloud-cli-firestore-emulator",
	}
	pubSub = kind{
		name: "Pub/Sub emulator", jar: "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
		component: "pubsub-emulator", debian: "google-cloud-cli-pubsub-emulator",
	}
)

// Installed is nil where both emulators can be started; else the error wraps [ErrAbsent].
func Installed() error {
	for _, k := range []kind{firestore, pubSub} {
		if _, _, err := k.command(); err != nil {
			return err
		}
	}
	return nil
}

// command is the program that runs the emulator, and its arguments.
func (k kind) command() (java string, args []string, err error) {
	root, err := root()
	if err != nil {
		return "", nil, k.absent(err.Error())
	}
	jars, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(k.jar)))
	if err != nil {
		return "", nil, fmt.Errorf("looking for the %s: %w", k.name, err)
	}
	if len(jars) == 0 {
		return "", nil, k.absent("the Google Cloud CLI in " + root + " has no " + k.component)
	}
	if java, err = findJava(); err != nil {
		return "", nil, k.absent("it needs Java: " + err.Error())
	}
	// Both are short-lived and small: the quick compiler only, and one collector thread.
	args = []string{"-Duser.language=en", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx1g"}
	jar := jars[len(jars)-1]
	if k.class == "" {
		return java, append(args, "-jar", jar), nil
	}
	return java, append(args, "-cp", jar, k.class), nil
}

// absent says what is missing, and how to get it.
func (k kind) absent(why string) error {
	return fmt.Errorf("%s: %w: %s (gcloud components install %s, or on Debian and Ubuntu apt-get install %s; and Java 11 or newer)",
		k.name, ErrAbsent, why, k.component, k.debian)
}

// root is the folder of the Google Cloud CLI: what its own programs take from CLOUDSDK_ROOT_DIR, else that of gcloud.
func root() (string, error) {
	if dir := os.Getenv("CLOUDSDK_ROOT_DIR"); dir != "" {
		return dir, nil
	}
	found, err := exec.LookPath("gcloud")
	if err != nil {
		return "", errors.New("gcloud is not in PATH, and CLOUDSDK_ROOT_DIR is not set")
	}
	real, err := filepath.EvalSymlinks(found)
	if err != nil {
		return "", fmt.Errorf("following %s: %w", found, err)
	}
	return filepath.Dir(filepath.Dir(real)), nil
}

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	return exec.LookPath("java")
}
