package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// delivery is one attempt to deliver an event to the App's webhook.
// https://docs.github.com/en/rest/apps/webhooks
type delivery struct {
	ID           int64             `json:"id"`
	GUID         string            `json:"guid"` // the same for all attempts
	At           time.Time         `json:"at"`
	Redelivery   bool              `json:"redelivery,omitempty"`
	Duration     float64           `json:"duration"` // seconds
	Status       string            `json:"status"`
	StatusCode   int               `json:"status_code"`
	Event        string            `json:"event"`
	Action       string            `json:"action"`
	Installation int64             `json:"installation"`
	Repository   int64             `json:"repository"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers"`
	Answer       string            `json:"answer,omitempty"`
}

const (
	deliveryPending = "pending"
	hookID          = 480_000_001
	keepDeliveries  = 2_000 // GitHub forgets them after some days
)

func (s *Server) deliverPull(r *repository, p *pull, action string, actor int64, extra object) {
	s.deliver(r, "pull_request", action, object{
		"number": p.Number, "pull_request": s.fullPullJSON(r, p),
		"sender": s.userJSON(s.state.accountByID(actor)),
	}.with(extra))
}

func (s *Server) deliverComment(r *repository, p *pull, c *comment, action string) {
	issue := s.apiURL("/repos/%s/issues/%d", r.fullName(), p.Number)
	s.deliver(r, "issue_comment", action, object{
		"issue": object{
			"id": p.ID, "node_id": nodeID("Issue", p.ID), "number": p.Number, "title": p.Title, "state": p.State,
			"locked": p.Locked, "url": issue, "labels": s.labelsJSON(r, p.Labels), "comments": len(p.Comments),
			"user":         s.userJSON(s.state.accountByID(p.Author)),
			"html_url":     fmt.Sprintf("%s/%s/pull/%d", s.options.URL, r.fullName(), p.Number),
			"pull_request": object{"url": s.apiURL("/repos/%s/pulls/%d", r.fullName(), p.Number)},
		},
		"comment": s.commentJSON(r, p, c), "sender": s.userJSON(s.state.accountByID(c.Author)),
	})
}

// deliver sends an event to the webhook, once, in the background. It is recorded before it is sent, so that one that a
// kill interrupts is listed as failed. The caller holds mu and saves afterwards.
func (s *Server) deliver(r *repository, event, action string, payload object) {
	i := s.state.installationOf(r)
	if i == nil || i.Suspended || s.webhook.URL == "" {
		return
	}
	payload.with(object{
		"action": action, "repository": s.repositoryJSON(r),
		"organization": object{"login": r.OwnerLogin, "id": r.Owner, "url": s.apiURL("/orgs/%s", r.OwnerLogin)},
		"installation": object{"id": i.ID, "node_id": nodeID("IntegrationInstallation", i.ID)},
	})
	body, err := json.Marshal(payload)
	if err != nil {
		s.log.Error("encoding a delivery", "error", err)
		return
	}
	d := &delivery{
		ID: s.state.nextID(), GUID: uuid.NewString(), Event: event, Action: action,
		Installation: i.ID, Repository: r.ID,
	}
	copies := 1
	switch f := s.takeFault("DELIVER", event+"/"+action); {
	case f == nil:
	case f.Kind == FaultLost:
		return
	case f.Kind == FaultDuplicate:
		copies = 2
	}
	if err := os.WriteFile(s.payloadPath(d.GUID), body, 0o600); err != nil {
		s.log.Error("keeping a delivery", "error", err)
		return
	}
	for range copies {
		s.send(*d, body)
		d = &delivery{
			ID: s.state.nextID(), GUID: d.GUID, Event: event, Action: action, Installation: i.ID, Repository: r.ID,
			Redelivery: true,
		}
	}
}

// send records one attempt and starts it. The caller holds mu.
func (s *Server) send(d delivery, body []byte) {
	mac := hmac.New(sha256.New, []byte(s.webhook.Secret))
	mac.Write(body)
	d.At, d.Status, d.URL = s.now().UTC(), deliveryPending, s.webhook.URL
	d.Headers = map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/emulated", "Accept": "*/*",
		"X-GitHub-Event": d.Event, "X-GitHub-Delivery": d.GUID, "X-GitHub-Hook-ID": strconv.Itoa(hookID),
		"X-GitHub-Hook-Installation-Target-Type": "integration",
		"X-GitHub-Hook-Installation-Target-ID":   strconv.FormatInt(s.appID(), 10),
		"X-Hub-Signature-256":                    "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	}
	s.state.Deliveries = append(s.state.Deliveries, &d)
	if extra := len(s.state.Deliveries) - keepDeliveries; extra > 0 {
		old := slices.Clone(s.state.Deliveries[:extra])
		s.state.Deliveries = slices.Delete(s.state.Deliveries, 0, extra)
		for _, o := range old {
			if !slices.ContainsFunc(s.state.Deliveries, func(kept *delivery) bool { return kept.GUID == o.GUID }) {
				_ = os.Remove(s.payloadPath(o.GUID))
			}
		}
	}
	s.background.Go(func() { s.attempt(s.ctx, d, body) })
}

// attempt makes the request of d and records what came of it.
func (s *Server) attempt(ctx context.Context, d delivery, body []byte) {
	began := time.Now()
	status, code, answer := s.post(ctx, d, body)
	if ctx.Err() != nil {
		return // stopping: the next start lists it as failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kept := range s.state.Deliveries {
		if kept.ID == d.ID {
			kept.Status, kept.StatusCode, kept.Answer = status, code, answer
			kept.Duration = time.Since(began).Seconds()
		}
	}
	if err := s.save(); err != nil {
		s.log.ErrorContext(ctx, "recording a delivery", "delivery_id", d.GUID, "error", err)
	}
	s.log.DebugContext(ctx, "delivered", "delivery_id", d.GUID, "event", d.Event, "action", d.Action, "status_code", code)
}

func (s *Server) post(ctx context.Context, d delivery, body []byte) (status string, code int, answer string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return "invalid URL", 0, ""
	}
	for name, value := range d.Headers {
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "failed to connect to host", 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // all of it, so that the connection can be used again
	text = text[:min(len(text), 4096)]
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return "OK", resp.StatusCode, string(text)
	}
	return "Invalid HTTP Response: " + strconv.Itoa(resp.StatusCode), resp.StatusCode, string(text)
}

// redeliver sends the event of d again under its GUID. The caller holds mu and saves.
func (s *Server) redeliver(d *delivery) error {
	body, err := os.ReadFile(s.payloadPath(d.GUID))
	if err != nil {
		return errNotFound
	}
	s.send(delivery{
		ID: s.state.nextID(), GUID: d.GUID, Redelivery: true, Event: d.Event, Action: d.Action,
		Installation: d.Installation, Repository: d.Repository,
	}, body)
	return nil
}

func (s *Server) payloadPath(guid string) string {
	return filepath.Join(s.options.Dir, "deliveries", filepath.Base(guid)+".json")
}

func deliveryJSON(d *delivery) object {
	return object{
		"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.At), "redelivery": d.Redelivery, "duration": d.Duration,
		"status": d.Status, "status_code": d.StatusCode, "event": d.Event, "action": orNull(d.Action),
		"installation_id": d.Installation, "repository_id": d.Repository, "throttled_at": nil,
	}
}
