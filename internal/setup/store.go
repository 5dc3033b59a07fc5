package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Secrets is Secret Manager.
type Secrets interface {
	CanAdd(ctx context.Context, project, secret string) error
	Latest(ctx context.Context, project, secret string) ([]byte, error)
	Add(ctx context.Context, project, secret string, content []byte) (version string, err error)
}

// A Place is where the App's secrets are put: into secrets of Secret Manager, or into files.
type Place struct {
	Project       string
	KeySecret     string  // id of the secret that holds the App's private key
	WebhookSecret string  // id of the secret that holds the webhook's secrets, one a line
	Secrets       Secrets // nil: Folder

	Folder  string // for files
	Replace bool   // a key that is there already

	Rescue string // folder for what Secret Manager does not take
}

// Names of files.
const (
	keyFile     = "github-app-key.pem"
	webhookFile = "webhook-secrets"
)

// storing bounds what is done with Secret Manager once there is an App.
const storing = time.Minute

// Check tells, before there is an App, why its secrets could not be kept.
func (p Place) Check(ctx context.Context) error {
	if p.Secrets == nil {
		return p.checkFolder()
	}
	var problems []error
	for _, secret := range []string{p.KeySecret, p.WebhookSecret} {
		err := p.Secrets.CanAdd(ctx, p.Project, secret)
		switch {
		case errors.Is(err, preview.ErrNotFound):
			problems = append(problems, fmt.Errorf("project %s has no secret %s: apply terraform/platform first, "+
				"or give the names with --key-secret and --webhook-secret, or keep them in files with --out", p.Project, secret))
		case err != nil:
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (p Place) checkFolder() error {
	if err := os.MkdirAll(p.Folder, 0o700); err != nil {
		return fmt.Errorf("making the folder for secrets: %w", err)
	}
	path := filepath.Join(p.Folder, keyFile)
	if _, err := os.Lstat(path); err == nil && !p.Replace {
		return fmt.Errorf("%s is there already: it may be the only copy of another App's key. Give another --out, or --force", path)
	}
	probe, err := os.CreateTemp(p.Folder, ".gangway-*")
	if err != nil {
		return fmt.Errorf("the folder for secrets can't be written to: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Keep puts the App's secrets away and tells out where. What Secret Manager does not take goes into files that only this
// user can read, so that the key, which GitHub tells once, is not lost; then the error is an *[Unstored].
func (p Place) Keep(ctx context.Context, app App, out io.Writer) error {
	if app.WebhookSecret == "" {
		fmt.Fprintln(out, "GitHub gave the App no webhook secret: set one on its settings page, and add it where the secrets are.")
	}
	if p.Secrets == nil {
		return p.keepFiles(app, out)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storing) // whoever stops now would lose the key
	defer cancel()
	var failed []error
	for _, one := range []struct {
		secret, file, content string
		list                  bool
	}{
		{p.KeySecret, fmt.Sprintf("gangway-github-app-key-%d.pem", app.ID), app.Key.Reveal(), false},
		{p.WebhookSecret, fmt.Sprintf("gangway-webhook-secret-%d", app.ID), app.WebhookSecret.Reveal(), true},
	} {
		if one.content == "" {
			continue
		}
		version, err := p.add(ctx, one.secret, one.content, one.list)
		if err == nil {
			fmt.Fprintf(out, "Added version %s to secret %s of project %s.\n", version, one.secret, p.Project)
			continue
		}
		failed = append(failed, p.rescue(one.secret, one.file, one.content, one.list, err))
	}
	return errors.Join(failed...)
}

// add adds a version. One of a list has the new line in front of what is there, since all of them stay valid.
func (p Place) add(ctx context.Context, secret, content string, list bool) (string, error) {
	if list {
		before, err := p.Secrets.Latest(ctx, p.Project, secret)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return "", fmt.Errorf("what it holds must stay, and can't be read: %w", err)
		}
		content = inFront(content, string(before))
	}
	return p.Secrets.Add(ctx, p.Project, secret, []byte(content))
}

// inFront is a list of secrets, one a line, with one more.
func inFront(secret, list string) string {
	lines := []string{secret}
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && line != secret {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// An Unstored says that a secret is in a file instead of Secret Manager, or nowhere.
type Unstored struct {
	Secret string
	File   string // "" when it could not be written either
	Err    error
	Hint   string
}

func (e *Unstored) Error() string {
	if e.File == "" {
		return fmt.Sprintf("secret %s was not stored (%v), and no file could be written. %s", e.Secret, e.Err, e.Hint)
	}
	return fmt.Sprintf("secret %s was not stored (%v). It is in %s, which only you can read. %s", e.Secret, e.Err, e.File, e.Hint)
}

func (e *Unstored) Unwrap() error { return e.Err }

// rescue writes a secret into a new file and says what to do with it.
func (p Place) rescue(secret, file, content string, list bool, why error) error {
	path := filepath.Join(p.Rescue, file)
	if err := writeNew(path, content); err != nil {
		return &Unstored{
			Secret: secret, Err: errors.Join(why, err),
			Hint: "On the App's settings page generate a private key, and set another webhook secret; then add them to Secret Manager.",
		}
	}
	hint := fmt.Sprintf("Add it, and delete the file:\n  gcloud secrets versions add %s --project=%s --data-file=%s\n  rm %s",
		secret, p.Project, quote(path), quote(path))
	if list {
		hint = fmt.Sprintf("Add it in front of what the secret holds, and delete the file:\n"+
			"  { cat %[3]s; gcloud secrets versions access latest --secret=%[1]s --project=%[2]s; } | "+
			"gcloud secrets versions add %[1]s --project=%[2]s --data-file=-\n  rm %[3]s", secret, p.Project, quote(path))
	}
	return &Unstored{Secret: secret, File: path, Err: why, Hint: hint}
}

// quote makes a path one word of a shell.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// writeNew writes a file that only this user can read, and that was not there.
func writeNew(path, content string) error {
	if !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the operator's work
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// keepFiles puts the secrets into the folder.
func (p Place) keepFiles(app App, out io.Writer) error {
	list, err := os.ReadFile(filepath.Join(p.Folder, webhookFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the webhook secrets that are there: %w", err)
	}
	contents := map[string]string{keyFile: app.Key.Reveal()}
	if secret := app.WebhookSecret.Reveal(); secret != "" {
		contents[webhookFile] = inFront(secret, string(list))
	}
	for _, name := range []string{keyFile, webhookFile} {
		content, ok := contents[name]
		if !ok {
			continue
		}
		path := filepath.Join(p.Folder, name)
		if err := replace(path, content); err != nil {
			return fmt.Errorf("writing %s: %w. On the App's settings page a private key can be generated, and another webhook secret set", path, err)
		}
		fmt.Fprintf(out, "Wrote %s, which only you can read.\n", path)
	}
	return nil
}

// replace writes a file in one step.
func replace(path, content string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".gangway-*") // 0600
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}
