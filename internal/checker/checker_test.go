package checker

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPeaceHasNoViolations(t *testing.T) {
	t.Parallel()
	f := peace(t)
	found, err := Check(t.Context(), f.world())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// traffic is the traffic list of the one service.
func (f *far) traffic() []object { return f.services[0]["traffic"].([]object) }

func (f *far) revision(n int) object { return f.revisions["orders"][n] }

// say replaces what the comment of a pull request says.
func (f *far) say(number int, text string) { f.comments[number] = []object{f.comment(number, text)} }

// violations are one prepared world each: what is changed, and what the checker has to say, at least. No other promise
// may seem broken unless it is named.
var violations = []struct {
	name   string
	change func(*testing.T, *far)
	want   []string // promise and a part of the text
}{
	{"nothing said", func(_ *testing.T, f *far) { f.comments[39] = nil }, []string{"P1 acme/shop#39: it is open, changes orders"}},
	{"never ends", func(_ *testing.T, f *far) { f.say(39, "### ⏳ Building 1 of 1 service") }, []string{"P1 acme/shop#39: it never ends"}},
	{"reason for an old head", func(_ *testing.T, f *far) { f.checks["3939393"] = nil }, []string{"P1 acme/shop#39: the comment says"}},
	{"link is dead", func(_ *testing.T, f *far) { f.answer = http.StatusBadGateway }, []string{"P1 acme/shop#42: the link", "502"}},
	{"ready without link", func(_ *testing.T, f *far) { f.say(42, "### ✅ Preview is ready · `a1b2c3d`") }, []string{"P1 acme/shop#42: it is said to be ready without a link"}},
	{"link leads elsewhere", func(_ *testing.T, f *far) { f.gateways[0]["labels"] = f.labels(39) }, []string{"P1 acme/shop#42: the link leads to shop-pr-42"}},
	{"gateway is not active", func(_ *testing.T, f *far) { f.gateways[0]["state"] = "UPDATING" }, []string{"P1 acme/shop#42: no active gateway"}},
	{"gateway serves the environment's", func(_ *testing.T, f *far) {
		f.documents["shop-pr-42-1a2b3c-00"] = "address: https://orders.run.localhost"
	}, []string{"P1 acme/shop#42: its gateway does not lead to a revision of orders"}},
	{"gateway serves an old commit", func(_ *testing.T, f *far) {
		f.revision(2)["labels"].(object)["gangway-commit"] = old
	}, []string{"P1 acme/shop#42: orders is served by orders-pr-42 of commit 0000000"}},
	{"comment is of an old head", func(_ *testing.T, f *far) {
		f.say(42, "### ✅ Preview is ready · `0000000`\n[Open the preview]("+f.url+"/open)")
	}, []string{"P1 acme/shop#42: the head is a1b2c3d"}},

	{"gateway is left", func(_ *testing.T, f *far) {
		left := object{"name": root + "europe-west1/gateways/shop-pr-41-x", "labels": f.labels(41), "createTime": "2026-11-22T09:00:00Z"}
		f.gateways = append(f.gateways, left)
	}, []string{"P2 gateway shop-pr-41-x"}},
	{"config is left", func(_ *testing.T, f *far) {
		left := object{"name": root + "global/apis/shard/configs/shop-pr-41-x", "labels": f.labels(41), "createTime": "2026-11-22T09:00:00Z"}
		f.configs = append(f.configs, left)
	}, []string{"P2 API config shop-pr-41-x"}},
	{"config is unused", func(_ *testing.T, f *far) {
		left := object{"name": root + "global/apis/shard/configs/shop-pr-42-x", "labels": f.labels(42), "createTime": "2026-11-22T09:00:00Z"}
		f.configs = append(f.configs, left)
	}, []string{"P2 API config shop-pr-42-x: no gateway serves it"}},
	{"tag is left", func(_ *testing.T, f *far) {
		f.services[0]["traffic"] = append(f.traffic(), object{"revision": "gone", "tag": "pr-41"})
	}, []string{"P2 tag pr-41 of orders"}},
	{"process is left", func(_ *testing.T, f *far) {
		f.processes = append(f.processes, object{"revision": "orders-pr-41"})
	}, []string{"P2 process of orders-pr-41"}},
	{"process of a closed one", func(_ *testing.T, f *far) {
		f.revision(1)["labels"] = f.labels(41)
		f.processes = append(f.processes, object{"revision": "orders-pr-42-old"})
	}, []string{"P2 process of orders-pr-42-old: no open pull request"}},
	{"state is left", func(t *testing.T, f *far) {
		f.write(t, filepath.Join(f.stacks, "development/shop/7-41/state/terraform.tfstate"),
			`{"resources":[{"mode":"managed","instances":[{}]}]}`)
	}, []string{"P2 stack development/shop/7-41"}},
	{"deployment is left", func(_ *testing.T, f *far) { f.statuses[1] = f.statuses[1][1:] }, []string{"P2 acme/shop#41: it is closed, and its deployment 1"}},

	{"build of a closed one runs", func(_ *testing.T, f *far) { f.builds[2]["status"] = "WORKING" }, []string{"P3 acme/shop#41"}},
	{"build after closing", func(_ *testing.T, f *far) { f.builds[2]["createTime"] = "2026-11-22T10:01:00Z" }, []string{"P3 acme/shop#41: its build b0 began 1m0s after"}},
	{"apply after closing", func(_ *testing.T, f *far) {
		f.operations = append(f.operations, f.operation("create", "global/apis/shard/configs/shop-pr-41-4d5e6f-1", "2026-11-22T10:05:00Z"))
	}, []string{"P3 acme/shop#41: its creation of shop-pr-41"}},

	{"older deployment is good again", func(_ *testing.T, f *far) { f.statuses[2][0] = object{"id": 41, "state": "success"} }, []string{"P4 acme/shop#42: deployment 2"}},
	{"tag goes back", func(_ *testing.T, f *far) { f.traffic()[2]["revision"] = "orders-pr-42-old" }, []string{"P4 acme/shop#42: tag pr-42 of orders points to generation 1"}},

	{"state is locked", func(t *testing.T, f *far) {
		f.write(t, filepath.Join(f.stacks, "development/shop/7-42/state/.terraform.tfstate.lock.info"), "{}")
	}, []string{"P5 stack development/shop/7-42: its state is still locked"}},
	{"two configs at once", func(_ *testing.T, f *far) {
		f.breaches = []object{{"kind": "concurrent-config-creation", "resource": "apis/shard", "detail": "two"}}
	}, []string{"P5 shard: API Gateway noticed"}},

	{"percentages changed", func(_ *testing.T, f *far) { f.traffic()[0]["percent"] = 90 }, []string{"P6 orders: the traffic was"}},
	{"foreign tag is gone", func(_ *testing.T, f *far) { f.traffic()[1]["tag"] = "" }, []string{"P6 orders: the foreign tags were"}},
	{"service is gone", func(_ *testing.T, f *far) { f.services = nil; f.processes = nil }, []string{"P6 orders: the service is gone", "P1 acme/shop#42"}},
	{"preview has traffic", func(_ *testing.T, f *far) {
		f.traffic()[0]["percent"], f.traffic()[2]["percent"] = 99, 1
	}, []string{"P6 orders: revision orders-pr-42 of a preview has 1 %", "P6 orders: the traffic was"}},
	{"inherited from another", func(_ *testing.T, f *far) {
		f.revision(2)["containers"].([]object)[0]["env"].([]object)[0]["value"] = "https://pr-39---catalog.run.localhost"
	}, []string{"P6 orders-pr-42: its CATALOG_URL leads to pull request 39"}},
	{"live revision inherited", func(_ *testing.T, f *far) {
		f.revision(0)["labels"] = object{"gangway-generation": "3"}
	}, []string{"P6 orders-1: it has a preview's label"}},

	{"two comments", func(_ *testing.T, f *far) { f.comments[39] = append(f.comments[39], f.comments[39]...) }, []string{"P7 acme/shop#39: it has more than one comment"}},
	{"comment lies about a closed one", func(_ *testing.T, f *far) { f.say(41, "### ✅ Preview is ready · `0000000`") }, []string{"P7 acme/shop#41: it is closed, and its comment says"}},
	{"removal is not over", func(_ *testing.T, f *far) { f.say(41, "### 🧹 Removing the preview") }, []string{"P7 acme/shop#41"}},
	{"link after closing", func(_ *testing.T, f *far) {
		f.say(41, "### 🧹 Preview removed\n[Open the preview]("+f.url+"/open)")
	}, []string{"P7 acme/shop#41: it is closed, and its comment still offers"}},
	{"ready and red", func(_ *testing.T, f *far) { f.checks[head][0]["conclusion"] = "failure" }, []string{"P7 acme/shop#42: its comment says"}},
	{"failed and green", func(_ *testing.T, f *far) { f.checks["3939393"][0]["conclusion"] = "success" }, []string{"P7 acme/shop#39: its check is green", "P1 acme/shop#39"}},
	{"two checks", func(_ *testing.T, f *far) { f.checks[head] = append(f.checks[head], f.checks[head]...) }, []string{"P7 acme/shop#42: its head has more than one check"}},
	{"no headline", func(_ *testing.T, f *far) { f.say(39, "hello") }, []string{"P7 acme/shop#39: its comment has no headline"}},

	{"gone while open", func(_ *testing.T, f *far) { f.say(39, "### 🧹 Preview removed") }, []string{"P8 acme/shop#39"}},

	{"secret in the log", func(t *testing.T, f *far) { f.write(t, f.log, "x the-webhook-secret") }, []string{"P9", "gangway.log: it holds known secret 1"}},
	{"token in the state", func(t *testing.T, f *far) {
		f.write(t, filepath.Join(f.stacks, "development/shop/7-42/x"), "ghs_"+strings.Repeat("a", 36))
	}, []string{"P9", "something like ghs_"}},
	{"key in a comment", func(_ *testing.T, f *far) {
		f.say(39, "### ❌ Preview failed · `3939393`\n-----BEGIN RSA PRIVATE KEY-----")
	}, []string{"P9 acme/shop#39: a comment"}},
	{"secret in a check", func(_ *testing.T, f *far) {
		f.checks[head][0]["output"] = object{"summary": "the-webhook-secret"}
	}, []string{"P9 acme/shop#42: a check"}},
	{"secret in a document", func(_ *testing.T, f *far) { f.documents["shop-1"] += "the-webhook-secret" }, []string{"P9 API config shop-1"}},
	{"secret in a build", func(_ *testing.T, f *far) {
		f.builds[0]["substitutions"].(object)["_X"] = "the-webhook-secret"
	}, []string{"P9 build b2"}},

	{"many applies", func(_ *testing.T, f *far) {
		for n := range 5 {
			target := "global/apis/shard/configs/shop-pr-42-1a2b3c-0" + string(rune('1'+n))
			f.operations = append(f.operations, f.operation("create", target, "2026-11-22T09:00:00Z"))
		}
	}, []string{"P10 acme/shop#42: 6 API configs were created for 2 generations"}},

	{"build with rights", func(_ *testing.T, f *far) { f.builds[0]["serviceAccount"] = "" }, []string{"P11 acme/shop#42: its build b2 runs as"}},
	{"branch as substitution", func(_ *testing.T, f *far) {
		f.builds[0]["substitutions"].(object)["_BRANCH"] = "feature/${hello}"
	}, []string{"P11 acme/shop#42: substitution _BRANCH"}},
	{"revision with rights", func(_ *testing.T, f *far) { f.revision(2)["serviceAccount"] = "shop@x" }, []string{"P11 acme/shop#42: its revision orders-pr-42 runs as"}},
	{"title in HCL", func(t *testing.T, f *far) {
		f.write(t, filepath.Join(f.stacks, "development/shop/7-42/work/main.tf"), `name = "Say **hello** to @everybody"`)
	}, []string{"P11 acme/shop#42: its title or branch stands in"}},
	{"title as Markdown", func(_ *testing.T, f *far) {
		f.say(39, "### ❌ Preview failed · `3939393`\nSay **hello** to @everybody")
	}, []string{"P11 acme/shop#39: its title", "P11 acme/shop#39: its comment mentions"}},
	{"image of the author's", func(_ *testing.T, f *far) {
		f.say(39, "### ❌ Preview failed · `3939393`\n![x](https://example.com/x.png)")
	}, []string{"P11 acme/shop#39: its comment shows an image"}},

	{"not ready", func(_ *testing.T, f *far) { f.ready = http.StatusServiceUnavailable }, []string{"P12", "it answers 503"}},
}

func TestEachViolationIsFound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range violations {
		seen[strings.Fields(c.want[0])[0]] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := peace(t)
			c.change(t, f)
			found, err := Check(t.Context(), f.world())
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, v := range found {
				text.WriteString(v.String() + "\n")
			}
			for _, want := range c.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("want %q, got:\n%s", want, text.String())
				}
			}
		})
	}
	for promise := range Promises() {
		if !seen[promise] {
			t.Errorf("no prepared world violates %s", promise)
		}
	}
}

// A service whose files are the same as at an earlier commit may be served as of that one.
func TestUnchangedService(t *testing.T) {
	t.Parallel()
	f := peace(t)
	f.revision(2)["labels"].(object)["gangway-commit"] = old
	f.same = map[string]string{old: head}
	if found, err := Check(t.Context(), f.world()); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestCheckOfAWorldThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := peace(t).world()
	w.CloudBuild = "http://127.0.0.1:1"
	if _, err := Check(t.Context(), w); err == nil {
		t.Error("Check = nil")
	}
}

func TestReadTraffic(t *testing.T) {
	t.Parallel()
	f := peace(t)
	w := f.world()
	before, err := ReadTraffic(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Environment = &before
	if found, err := Check(t.Context(), w); err != nil || len(found) > 0 {
		t.Errorf("Check = %v, %v", found, err)
	}
}

func TestWatcher(t *testing.T) {
	t.Parallel()
	gone := func(f *far) { f.gateways = f.gateways[1:] }
	for _, c := range []struct {
		name  string
		steps []func(*far)
		want  string
	}{
		{"nothing happens", []func(*far){func(*far) {}, func(*far) {}}, ""},
		{"goes back", []func(*far){func(f *far) {
			f.services[0]["trafficStatuses"].([]object)[0]["revision"] = "orders-pr-42-old"
		}}, "P4 acme/shop#42: orders went from generation 2 back to 1"},
		{"goes without a reason", []func(*far){gone, func(*far) {}}, "P8 acme/shop#42: gateway shop-pr-42"},
		{"comes back", []func(*far){
			func(f *far) { f.gateways[0]["state"] = "DELETING" },
			func(f *far) { f.gateways[0]["state"] = "ACTIVE" },
		}, ""},
		{"is closed", []func(*far){func(f *far) { gone(f); f.pulls[0]["state"] = "closed" }}, ""},
		{"is blocked, and says so later", []func(*far){gone, func(f *far) { f.say(42, "### ⏸️ No preview: draft") }}, ""},
		{"expires", []func(*far){func(f *far) {
			gone(f)
			f.say(42, "### 🧹 Preview removed\nNobody has pushed for a while. A push brings the preview back.")
		}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := peace(t)
			w, err := NewWatcher(f.world())
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range append([]func(*far){func(*far) {}}, c.steps...) {
				step(f)
				if err := w.Look(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var text strings.Builder
			for _, v := range w.Violations() {
				text.WriteString(v.String() + "\n")
			}
			if c.want == "" && text.Len() > 0 || !strings.Contains(text.String(), c.want) {
				t.Errorf("want %q, got %q", c.want, text.String())
			}
		})
	}
}

// Two processes called terraform in one stack: P5, both while it happens and, for each, at rest.
func TestTerraformProcesses(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/comm"); err != nil {
		t.Skip("needs /proc")
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	terraform := filepath.Join(t.TempDir(), "terraform")
	if err := os.WriteFile(terraform, program, 0o700); err != nil {
		t.Fatal(err)
	}
	f := peace(t)
	for range 2 {
		process := exec.CommandContext(t.Context(), terraform, "600")
		process.Dir = filepath.Join(f.stacks, "development/shop/7-42/work")
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = process.Process.Kill()
			_ = process.Wait()
		})
	}
	found, err := Check(t.Context(), f.world())
	if err != nil || len(found) != 2 || found[0].Promise != "P5" {
		t.Errorf("Check = %v, %v", found, err)
	}
	w, err := NewWatcher(f.world())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := w.Violations(); len(found) != 1 || found[0].Promise != "P5" {
		t.Errorf("Watcher = %v", found)
	}
}

func TestBurst(t *testing.T) {
	t.Parallel()
	for applies, want := range map[int]int{0: 0, 2: 0, 3: 1} {
		f := peace(t)
		b, err := BeginBurst(t.Context(), f.world(), repo, 42)
		if err != nil {
			t.Fatal(err)
		}
		for n := range applies {
			target := "global/apis/shard/configs/shop-pr-42-1a2b3c-1" + string(rune('0'+n))
			f.operations = append(f.operations, f.operation("create", target, "2026-11-22T09:00:00Z"))
		}
		if found, err := b.End(t.Context()); err != nil || len(found) != want {
			t.Errorf("%d applies: %v, %v", applies, found, err)
		}
	}
}
