package checker

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/loopback"
)

// A reader reads the far ends.
type reader struct {
	w     World
	http  *http.Client
	key   *rsa.PrivateKey
	token string // of the installation
}

const (
	maxAnswer  = 64 << 20
	answerTime = 30 * time.Second
)

func newReader(w World) (*reader, error) {
	r := &reader{w: w, http: &http.Client{Transport: loopback.Transport(), Timeout: answerTime}}
	if w.AppKeyFile == "" {
		return r, nil
	}
	text, err := os.ReadFile(w.AppKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the App's key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", w.AppKeyFile)
	}
	if r.key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		return nil, fmt.Errorf("reading %s: %w", w.AppKeyFile, err)
	}
	return r, nil
}

// errAbsent says 404.
var errAbsent = errors.New("not found")

// get reads one answer into out and returns where the next page is.
func (r *reader) get(ctx context.Context, address, token string, out any) (next string, err error) {
	return r.call(ctx, http.MethodGet, address, token, out)
}

func (r *reader) call(ctx context.Context, method, address, token string, out any) (next string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := r.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s %s: %w", method, address, err)
	case response.StatusCode == http.StatusNotFound:
		return "", fmt.Errorf("%s %s: %w", method, address, errAbsent)
	case response.StatusCode >= http.StatusMultipleChoices:
		return "", fmt.Errorf("%s %s: %s", method, address, response.Status)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return "", fmt.Errorf("%s %s: %w", method, address, err)
	}
	return nextLink(response.Header.Get("Link")), nil
}

// nextLink is the next page as GitHub names it:
// https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
func nextLink(header string) string {
	for part := range strings.SplitSeq(header, ",") {
		address, relation, ok := strings.Cut(part, ";")
		if ok && strings.Contains(relation, `rel="next"`) {
			return strings.Trim(strings.TrimSpace(address), "<>")
		}
	}
	return ""
}

// pages reads all pages of a list of GitHub's. Some lists are wrapped in an object, under field.
func pages[T any](ctx context.Context, r *reader, path, field string) ([]T, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []T
	for address := strings.TrimSuffix(r.w.GitHub, "/") + path + separator + "per_page=100"; address != ""; {
		var page []T
		var wrapped map[string]json.RawMessage
		var into any = &page
		if field != "" {
			into = &wrapped
		}
		next, err := r.get(ctx, address, r.token, into)
		if err != nil {
			return nil, err
		}
		if raw, ok := wrapped[field]; ok {
			if err := json.Unmarshal(raw, &page); err != nil {
				return nil, fmt.Errorf("GET %s: %w", address, err)
			}
		}
		all = append(all, page...)
		address = next
	}
	return all, nil
}

// googlePages reads all pages of a list of Google's.
func googlePages[T any](ctx context.Context, r *reader, address, field string) ([]T, error) {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	var all []T
	for token := ""; ; {
		var page map[string]json.RawMessage
		if _, err := r.get(ctx, address+separator+"pageSize=100&pageToken="+url.QueryEscape(token), "local", &page); err != nil {
			return nil, err
		}
		var items []T
		if raw, ok := page[field]; ok {
			if err := json.Unmarshal(raw, &items); err != nil {
				return nil, fmt.Errorf("GET %s: %w", address, err)
			}
		}
		all = append(all, items...)
		token = ""
		if raw, ok := page["nextPageToken"]; ok {
			if err := json.Unmarshal(raw, &token); err != nil {
				return nil, fmt.Errorf("GET %s: %w", address, err)
			}
		}
		if token == "" {
			return all, nil
		}
	}
}

// enter gets a token of the installation that owns the repository.
func (r *reader) enter(ctx context.Context, repository string) error {
	if r.key == nil {
		return nil
	}
	now := time.Now()
	claims := fmt.Sprintf(`{"iat":%d,"exp":%d,"iss":"%d"}`, now.Add(-time.Minute).Unix(), now.Add(8*time.Minute).Unix(), r.w.AppID)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, r.key, crypto.SHA256, sum[:])
	if err != nil {
		return fmt.Errorf("signing as the App: %w", err)
	}
	app := signed + "." + encode(signature)
	base := strings.TrimSuffix(r.w.GitHub, "/")
	var installation struct {
		ID int64 `json:"id"`
	}
	if _, err := r.get(ctx, base+"/repos/"+repository+"/installation", app, &installation); err != nil {
		return err
	}
	var granted struct {
		Token string `json:"token"`
	}
	address := fmt.Sprintf("%s/app/installations/%d/access_tokens", base, installation.ID)
	if _, err := r.call(ctx, http.MethodPost, address, app, &granted); err != nil {
		return err
	}
	r.token = granted.Token
	return nil
}

// follow opens a link as a person would: "" when it answers and not with a server's error, else what it says.
func (r *reader) follow(ctx context.Context, link string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return err.Error()
	}
	response, err := r.http.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode == http.StatusNotFound || response.StatusCode >= http.StatusInternalServerError {
		return response.Status
	}
	return ""
}
