package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

const (
	head = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
	old  = "0ddba11000000000000000000000000000000000"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func member(service string, step preview.Step) preview.Member {
	m := preview.Member{
		Service: service, CloudRun: service, SHA: head, Generation: 3, Step: step,
		BuildID: "b-" + service, LogURL: "https://console.cloud.google.com/cloud-build/builds/b-" + service,
	}
	if step == preview.StepWaiting {
		m.BuildID, m.LogURL = "", ""
		return m
	}
	m.BuildStart = noon
	if step != preview.StepBuilding && step != preview.StepFailed {
		m.BuildEnd = noon.Add(108*time.Second + 300*time.Millisecond)
	}
	if step == preview.StepDeploying || step == preview.StepReady {
		m.Tag, m.Revision = "pr-42", service+"-pr-42-a1b2c3d-0f0f"
	}
	if step == preview.StepReady {
		m.URL = "https://pr-42---" + service + "-abc-ew.a.run.app"
	}
	return m
}

// live is a preview that serves its head.
func live() Preview {
	return Preview{
		Key: preview.Key{Environment: "development", Gateway: "shop", Repository: 812345678, PullRequest: 42},
		Wanted: preview.Wanted{
			Generation: 3, Intent: preview.IntentLive, HeadSHA: head, URL: "https://github.com/acme/shop/pull/42", Changed: noon,
			Members: []preview.Member{member("orders", preview.StepReady), member("payments", preview.StepReady)},
		},
		Observed: preview.Observed{
			Phase: preview.PhaseLive, Serving: serving(head, 3),
			Report: preview.ReportRefs{
				Commented: true, CommentID: 7, CheckRunID: 8, CheckSHA: head, DeploymentID: 9, DeploymentGen: 3,
			},
		},
		Usual:  3*time.Minute + 10*time.Second,
		Expire: 72 * time.Hour,
	}
}

func serving(sha string, generation int64) *preview.Serving {
	return &preview.Serving{
		Generation: generation, HeadSHA: sha, URL: "https://shop-pr-42-1a2b3c-xyz.ew.gateway.dev", Open: "/products", Others: 9,
		Operations: []preview.Operation{
			{Method: "GET", Path: "/orders", Service: "orders", Override: true},
			{Method: "DELETE", Path: "/orders/{id}", Service: "orders", Override: true},
			{Method: "POST", Path: "/payments", Service: "payments", Override: true},
			{Method: "GET", Path: "/products", Service: "catalog", Public: true},
		},
	}
}

// changes are of all kinds.
func changes() *preview.APIChanges {
	c := func(kind, method, path, severity string, details ...string) preview.APIChange {
		return preview.APIChange{
			Service: "orders", Kind: kind, Method: method, Path: path, Severity: severity, Details: details, File: "orders/openapi.yaml", Line: 12, Column: 5,
		}
	}
	return &preview.APIChanges{
		Counts: "2 operations added, 1 removed, 2 changed", Breaking: 3, Headline: "DELETE /orders/{id}", Says: "is gone",
		List: []preview.APIChange{
			c("added", "GET", "/orders/open", "harmless"),
			c("shadowing", "GET", "/orders/open", "breaking", "takes requests from GET /orders/{id} of the service legacy"),
			c("added", "POST", "/hooks", "risky", "public: anyone may call it"),
			c("removed", "DELETE", "/orders/{id}", "breaking"),
			c("changed", "POST", "/orders", "breaking", `added the new required "query" request parameter "shop"`, "and 2 more"),
			c("opened", "GET", "/orders", "risky", "anyone may call it; before, it needed firebase"),
			c("documentation", "GET", "/orders/{id}", "harmless", "summary changed"),
		},
		Behind: []preview.APIChange{
			c("added", "GET", "/a", "harmless"), c("removed", "GET", "/b", "breaking"), c("changed", "GET", "/c", "harmless"), c("added", "GET", "/d", "harmless"),
		},
	}
}

// states are the previews of the golden files.
func states() map[string]Preview {
	all := map[string]Preview{}
	put := func(name string, change func(*Preview)) {
		p := live()
		change(&p)
		all[name] = p
	}
	liveStates(put)
	failedStates(put)
	goneStates(put)
	for detail, reason := range map[string]preview.BlockReason{
		"": preview.BlockDraft, " ": preview.BlockFork, "preview:" + head: preview.BlockFork, "bot": preview.BlockBot,
		"add the label preview": preview.BlockLabel, "30": preview.BlockLimit, "no such service": preview.BlockConfig,
		"the 2000 traffic tags of europe-west1 are used up": preview.BlockQuota,
	} {
		name := "blocked-" + string(reason)
		if strings.HasPrefix(detail, "preview:") {
			name += "-approvable"
		}
		put(name, func(p *Preview) {
			p.Wanted.Intent, p.Wanted.Members = preview.IntentBlocked, nil
			p.Wanted.Block = &preview.Block{Reason: reason, Detail: strings.TrimSpace(detail)}
			p.Observed = preview.Observed{}
		})
	}
	put("blocked-fork-approved-by-triage", func(p *Preview) {
		p.Wanted.Intent, p.Wanted.Members = preview.IntentBlocked, nil
		p.Wanted.Block = &preview.Block{Reason: preview.BlockFork, Detail: "preview:" + head, By: "tina"}
		p.Observed = preview.Observed{}
	})
	return all
}

func liveStates(put func(string, func(*Preview))) {
	put("ready", func(*Preview) {})
	put("ready-assumed", func(p *Preview) {
		p.Observed.Serving.Assumed = []string{"users", "catalog"}
		p.Observed.Serving.Others, p.Wanted.AllChanged, p.Expire = 1, true, 0
	})
	put("ready-changes", func(p *Preview) { p.Wanted.BaseRef, p.Observed.Serving.API = "main", changes() })
	put("ready-changes-unknown", func(p *Preview) {
		p.Observed.Serving.API = &preview.APIChanges{Unknown: []string{"orders could not be compared: its document could not be read"}}
	})
	put("updating-changes-of-another-head", func(p *Preview) {
		p.Wanted.Members[0] = member("orders", preview.StepBuilding)
		p.Observed.Serving = serving(old, 2)
		p.Observed.Serving.API = changes()
	})
	put("ready-timeline", func(p *Preview) { p.Wanted.Timeline, p.Observed.Timeline = timelines() })
	put("ready-without-a-page", func(p *Preview) { p.Observed.Serving.Open = "" })
	put("checking", func(p *Preview) { p.Observed.Serving.Probe = notCalled })
	put("unhealthy", func(p *Preview) { p.Observed.Serving.Probe = "GET /products answers 502" })
	put("waiting", func(p *Preview) {
		p.Wanted.Members = []preview.Member{member("orders", preview.StepWaiting), member("payments", preview.StepWaiting)}
		p.Observed = preview.Observed{}
	})
	put("building", func(p *Preview) {
		p.Wanted.Members = []preview.Member{member("orders", preview.StepBuilding), member("payments", preview.StepBuilt)}
		p.Observed = preview.Observed{}
	})
	put("building-again", func(p *Preview) {
		orders, payments := member("orders", preview.StepBuilding), member("payments", preview.StepWaiting)
		orders.Again, payments.Again = preview.BuildExpired, preview.BuildBroken
		p.Wanted.Members = []preview.Member{orders, payments}
		p.Observed = preview.Observed{}
	})
	put("starting", func(p *Preview) {
		p.Wanted.Members = []preview.Member{member("orders", preview.StepDeploying), member("payments", preview.StepReady)}
		p.Observed = preview.Observed{}
	})
	put("opening", func(p *Preview) {
		p.Observed = preview.Observed{Phase: preview.PhaseApplying, Applying: serving(head, 3)}
	})
	put("updating", func(p *Preview) {
		p.Wanted.Members[0] = member("orders", preview.StepBuilding)
		p.Observed.Serving = serving(old, 2)
	})
	put("updating-same-head", func(p *Preview) {
		p.Observed.Phase, p.Observed.Applying = preview.PhaseApplying, serving(head, 3)
	})
	put("reopened-while-removing", func(p *Preview) {
		p.Wanted.Members = []preview.Member{member("orders", preview.StepWaiting)}
		p.Observed.Phase, p.Observed.Serving = preview.PhaseRemoving, serving(head, 2)
	})
}

// timelines hold an event of each kind.
func timelines() (wanted, observed []preview.Event) {
	at := noon
	event := func(kind preview.EventKind, service, detail string) preview.Event {
		at = at.Add(7 * time.Second)
		return preview.Event{At: at, Kind: kind, Generation: 3, Service: service, Detail: detail, SHA: head}
	}
	for _, intent := range []preview.Intent{preview.IntentIdle, preview.IntentBlocked, preview.IntentClosed, preview.IntentExpired, preview.IntentLive} {
		wanted = append(wanted, event(preview.EventWanted, "", string(intent)))
	}
	for _, step := range []preview.Step{
		preview.StepWaiting, preview.StepBuilding, preview.StepBuilt, preview.StepDeploying, preview.StepReady, preview.StepFailed,
	} {
		wanted = append(wanted, event(preview.EventMember, "orders", string(step)))
	}
	for _, kind := range []preview.EventKind{
		preview.EventFailed, preview.EventLive, preview.EventAnswering, preview.EventRemoving, preview.EventRemoved,
	} {
		detail := ""
		if kind == preview.EventFailed {
			detail = "gateway"
		}
		observed = append(observed, event(kind, "", detail))
	}
	return wanted, observed
}

func failedStates(put func(string, func(*Preview))) {
	fail := func(m *preview.Member, stage string, e preview.UserError) {
		m.Step, m.Failure = preview.StepFailed, &preview.Failure{Stage: stage, UserError: e, At: noon}
	}
	put("failed-build", func(p *Preview) {
		fail(&p.Wanted.Members[0], "build", preview.UserError{
			Summary: "step \"test\" failed", Hint: "Mend it and push.",
			Detail: "--- FAIL: TestOrder (0.00s)\n    order_test.go:12: got 1, want 2\nFAIL",
		})
		p.Observed = preview.Observed{}
	})
	put("failed-update", func(p *Preview) {
		fail(&p.Wanted.Members[1], "revision", preview.UserError{Summary: "the container did not listen on PORT"})
		p.Observed.Serving = serving(old, 2)
	})
	put("failed-document", func(p *Preview) {
		p.Observed.Phase, p.Observed.Serving = preview.PhaseNone, nil
		p.Observed.Failure = &preview.Failure{
			Stage: "document", At: noon.Add(time.Minute),
			UserError: preview.UserError{Summary: "the documents don't fit together", Hint: "Rename one of the operations."},
			Findings: []preview.Finding{
				{Service: "orders", File: "orders/openapi.yaml", Line: 12, Column: 3, Message: "GET /orders is there twice", Hint: "see users/openapi.yaml:9"},
				{Service: "orders", File: "orders/openapi.yaml", Message: "no paths"},
			},
		}
	})
	put("failure-of-earlier-generation", func(p *Preview) {
		p.Observed.Serving = serving(old, 2)
		p.Observed.Failure = &preview.Failure{Stage: "gateway", At: noon.Add(-time.Minute), UserError: preview.UserError{Summary: "old"}}
	})
}

func goneStates(put func(string, func(*Preview))) {
	gone := func(p *Preview, intent preview.Intent) {
		p.Wanted.Intent, p.Wanted.Members, p.Wanted.Generation, p.Wanted.Down = intent, nil, 4, 4
	}
	put("removing", func(p *Preview) {
		gone(p, preview.IntentClosed)
		p.Observed.Phase, p.Observed.RemoveFrom = preview.PhaseRemoving, noon
	})
	put("removal-goes-wrong", func(p *Preview) {
		gone(p, preview.IntentClosed)
		p.Observed.Phase, p.Observed.RemoveFrom = preview.PhaseRemoving, noon
		p.Observed.Failure = &preview.Failure{Stage: "removal", At: noon.Add(time.Minute), UserError: preview.UserError{
			Summary: "Not everything could be taken down yet", Hint: "It is being tried again.",
		}}
	})
	// The process died after it had noted what it was about to write.
	put("closed-before-ids-were-saved", func(p *Preview) {
		gone(p, preview.IntentClosed)
		p.Wanted.Down = 0
		p.Observed = preview.Observed{Report: preview.ReportRefs{Commented: true, CheckSHA: head, DeploymentGen: 3}}
	})
	removedState := func(p *Preview) {
		p.Observed.Phase, p.Observed.Serving, p.Observed.Removed = preview.PhaseRemoved, nil, 4
		p.Observed.RemoveFrom, p.Observed.RemovedAt = noon, noon.Add(12*time.Second)
	}
	for name, intent := range map[string]preview.Intent{
		"removed": preview.IntentClosed, "expired": preview.IntentExpired, "no-longer-changed": preview.IntentIdle,
	} {
		put(name, func(p *Preview) { gone(p, intent); removedState(p) })
	}
	put("closed-while-building", func(p *Preview) {
		gone(p, preview.IntentClosed)
		p.Wanted.Down = 0
		p.Observed.Phase, p.Observed.Serving = preview.PhaseNone, nil
	})
	put("blocked-after-live", func(p *Preview) {
		gone(p, preview.IntentBlocked)
		p.Wanted.Block = &preview.Block{Reason: preview.BlockDraft}
		p.Observed.Phase = preview.PhaseRemoving
	})
}

func TestGolden(t *testing.T) {
	for name, p := range states() {
		t.Run(name, func(t *testing.T) {
			r := Render(p)
			if r.Comment == nil {
				t.Fatal("nothing is said")
			}
			got := golden(t, r)
			path := filepath.Join("testdata", name+".md")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("(-want +got; UPDATE=1 rewrites):\n%s", cmp.Diff(string(want), string(got)))
			}
		})
	}
}

// golden is the comment, and below it the other parts as JSON.
func golden(t *testing.T, r Report) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(r.Comment.Body)
	r.Comment = nil
	b.WriteString("\n-----\n")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSilence(t *testing.T) {
	first := Preview{Key: live().Key, Wanted: preview.Wanted{Generation: 1, HeadSHA: head}}
	for intent, change := range map[preview.Intent]func(*Preview){
		preview.IntentUnknown: func(*Preview) {},
		preview.IntentIdle:    func(*Preview) {},
		preview.IntentExpired: func(*Preview) {},
		preview.IntentClosed: func(p *Preview) { // seen for the first time when it was closed already
			p.Wanted.Down, p.Observed.Removed, p.Observed.Phase = 1, 1, preview.PhaseRemoved
		},
	} {
		p := first
		p.Wanted.Intent = intent
		change(&p)
		if diff := cmp.Diff(Report{}, Render(p)); diff != "" {
			t.Errorf("%q says something (-want +got):\n%s", intent, diff)
		}
	}
}

// TestGreenIsForTheHead tries every combination of phase, head, generation and probe: green only where the gateway
// serves the very head and answers.
func TestGreenIsForTheHead(t *testing.T) {
	for _, phase := range []preview.Phase{"", preview.PhaseApplying, preview.PhaseLive, preview.PhaseRemoving, preview.PhaseRemoved} {
		for _, sha := range []string{head, old} {
			for _, generation := range []int64{2, 3} {
				for _, probe := range []string{"", notCalled, "no answer"} {
					p := live()
					p.Observed.Phase, p.Observed.Serving = phase, serving(sha, generation)
					p.Observed.Serving.Probe = probe
					r := Render(p)
					want := phase == preview.PhaseLive && sha == head && generation == 3 && probe == ""
					green := strings.Contains(r.Comment.Body, "### ✅")
					if green != want || (r.CheckRun.Conclusion == "success") != want {
						t.Errorf("phase %q, %s, generation %d, probe %q: green %t, check %q", phase, sha, generation, probe, green, r.CheckRun.Conclusion)
					}
					if r.Status.State == "success" && (phase != preview.PhaseLive || sha != head) {
						t.Errorf("phase %q, %s: deployment %+v", phase, sha, r.Status)
					}
				}
			}
		}
	}
}

// TestNotCalledYet holds our word for a link that was not called yet to the core's.
func TestNotCalledYet(t *testing.T) {
	p := live()
	o, _, _ := preview.DecideObserved(p.Wanted, preview.Observed{}, preview.GatewayFacts{Applied: serving(head, 3)}, noon)
	if o.Serving == nil || o.Serving.Probe != notCalled {
		t.Errorf("after an apply Serving is %+v", o.Serving)
	}
}

func TestRenderIsPure(t *testing.T) {
	for name, p := range states() {
		again := states()[name]
		if diff := cmp.Diff(Render(p), Render(again)); diff != "" {
			t.Errorf("%s: equal state, other text:\n%s", name, diff)
		}
		if diff := cmp.Diff(again, p); diff != "" {
			t.Errorf("%s: Render changes its argument:\n%s", name, diff)
		}
	}
}

func TestMarker(t *testing.T) {
	for name, p := range states() {
		c := Render(p).Comment
		if want := "<!-- gangway:preview 812345678/42 -->"; c.Marker != want || !strings.HasPrefix(c.Body, want+"\n") {
			t.Errorf("%s: marker %q", name, c.Marker)
		}
	}
}

// A pull request with previews on several gateways has one comment with a section each, and none for one of which there is
// nothing to say.
func TestSections(t *testing.T) {
	all := states()
	ready, building, closed := all["ready"], all["building"], all["ready"]
	building.Key.Gateway, closed.Key.Gateway = "admin", "partners"
	closed.Wanted.Intent, closed.Observed.Report.Commented = preview.IntentIdle, false
	if diff := cmp.Diff(Render(ready).Comment, RenderComment([]Preview{closed, ready})); diff != "" {
		t.Errorf("with one that says nothing (-alone +with):\n%s", diff)
	}
	c := RenderComment([]Preview{building, closed, ready})
	const file = "testdata/sections.md"
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(c.Body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), c.Body); diff != "" {
		t.Errorf("UPDATE=1 go test ./internal/report rewrites it (-want +got):\n%s", diff)
	}
	if c.Marker != Marker(ready.Key) {
		t.Errorf("marker %q", c.Marker)
	}
	if RenderComment([]Preview{closed}) != nil {
		t.Error("a comment without anything to say")
	}
	long := all["failed-build"]
	for n := range long.Wanted.Members {
		if f := long.Wanted.Members[n].Failure; f != nil {
			long.Wanted.Members[n].Failure = &preview.Failure{Stage: f.Stage, UserError: preview.UserError{Summary: "s", Detail: strings.Repeat("x", 60_000)}}
		}
	}
	if c := RenderComment([]Preview{long, ready}); len(c.Body) > maxBody || !strings.Contains(c.Body, "Preview is ready") {
		t.Errorf("%d bytes", len(c.Body))
	}
}
