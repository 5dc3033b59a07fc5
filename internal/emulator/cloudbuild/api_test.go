package cloudbuild_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild"
)

func empty() fstest.MapFS { return fstest.MapFS{"README.md": {Data: []byte("hello\n")}} }

func TestStepsRunInTheirOrder(t *testing.T) {
	w, sha := newWorld(t, empty(), nil)
	step := func(id, script string, waitFor ...string) map[string]any {
		return map[string]any{"name": "ubuntu", "id": id, "script": script, "waitFor": waitFor}
	}
	id := w.create(map[string]any{
		"source": map[string]any{"gitSource": map[string]any{"url": w.repo, "revision": sha}},
		"steps": []any{
			step("a", "until [ -f /workspace/b ]; do sleep 0.01; done; echo $WHO in $(cat README.md)"),
			step("b", "echo b > /workspace/b", "-"),
			step("c", "test -f b && echo costs '$5'", "a", "b"),
		},
		"options":       map[string]any{"env": []string{"WHO=${_WHO} $$HOME"}},
		"substitutions": map[string]string{"_WHO": "we"},
	})
	w.wait(id, "SUCCESS")
	log := w.log(id)
	for _, want := range []string{`Step #0 - "a": we $HOME in hello`, `Step #2 - "c": costs $5`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for w.noticesOf(id) != "[QUEUED WORKING SUCCESS]" {
		time.Sleep(time.Millisecond)
	}
}

func TestFailures(t *testing.T) {
	w, sha := newWorld(t, empty(), nil)
	step := func(m map[string]any) map[string]any {
		maps.Copy(m, map[string]any{"name": "ubuntu", "id": "one"})
		return map[string]any{"steps": []any{m, map[string]any{"name": "ubuntu", "id": "two", "script": "echo two"}}}
	}
	docker := func(dockerfile string) map[string]any {
		return map[string]any{"steps": []any{map[string]any{"name": "gcr.io/cloud-builders/docker", "script": "cat > Dockerfile <<'EOF'\n" + dockerfile + "\nEOF\ndocker build -t x ."}}}
	}
	for _, c := range []struct {
		name   string
		build  map[string]any
		status cloudbuild.Enum
		detail string
	}{
		{"a step fails", step(map[string]any{"script": "echo because; exit 3"}), "FAILURE", "Build step failure: build step 0 \"ubuntu\" failed: step exited with non-zero status: 3"},
		{"allowed to fail", step(map[string]any{"script": "exit 3", "allowFailure": true}), "SUCCESS", ""},
		{"allowed code", step(map[string]any{"script": "exit 3", "allowExitCodes": []int{3}}), "SUCCESS", ""},
		{"a step takes too long", step(map[string]any{"script": "sleep 600", "timeout": "0.1s"}), "FAILURE", "exceeded its timeout"},
		{"no such program", step(map[string]any{"args": []string{"nothing-like-this"}}), "FAILURE", "nothing-like-this: not found"},
		{"unknown image", map[string]any{"steps": []any{map[string]any{"name": "gcr.io/x/y"}}}, "FAILURE", `image "gcr.io/x/y" is not supported`},
		{"unknown commit", map[string]any{
			"steps":  []any{map[string]any{"name": "ubuntu", "script": "true"}},
			"source": map[string]any{"gitSource": map[string]any{"url": w.repo, "revision": strings.Repeat("0", 40)}},
		}, "FAILURE", "FETCHSOURCE failed"},
		{"image was not built", map[string]any{"steps": []any{map[string]any{"name": "ubuntu", "script": "true"}}, "images": []string{"r/none"}}, "FAILURE", "push of r/none failed"},
		{"base is unknown", docker("FROM python:3"), "FAILURE", "Dockerfile:1: FROM python:3: not supported"},
		{"RUN fails", docker("FROM alpine\n\nRUN false"), "FAILURE", "Dockerfile:3: process"},
		{"instruction is unknown", docker("FROM alpine\nSHELL [\"x\"]"), "FAILURE", "Dockerfile:2: SHELL: not supported"},
		{"COPY of nothing", docker("FROM alpine\nCOPY none /x"), "FAILURE", `Dockerfile:2: "none": not found`},
		{"COPY from above", docker("FROM alpine\nCOPY ../../../etc/passwd /x"), "FAILURE", "not found"},
		{"not a Dockerfile", docker("FROM alpine\nFLY away"), "FAILURE", "Dockerfile:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := w.create(c.build)
			b := w.wait(id, c.status)
			if c.status == "FAILURE" && b.FailureInfo == nil {
				t.Fatal("no failureInfo")
			}
			if c.detail != "" && !strings.Contains(b.FailureInfo.Detail+"\n"+w.log(id), c.detail) {
				t.Errorf("failureInfo %+v, want %q there or in the log\n%s", b.FailureInfo, c.detail, w.log(id))
			}
		})
	}
	_ = sha
}

func TestCancelTimeoutExpiry(t *testing.T) {
	w, _ := newWorld(t, empty(), func(o *cloudbuild.Options) { o.Concurrency = 1 })
	running := w.create(script("sleep 600"))
	w.wait(running, "WORKING")
	late := script("true")
	late["queueTtl"] = "0.05s"
	expired := w.create(late)
	w.wait(expired, "EXPIRED")
	waiting := w.create(script("true"))
	for _, id := range []string{waiting, running} {
		if code := w.do("POST", builds+"/"+id+":cancel", map[string]string{"projectId": "p", "id": id}, nil); code != http.StatusOK {
			t.Errorf("cancel: %d", code)
		}
		if b := w.get(id); b.Status != "CANCELLED" || b.FinishTime == nil {
			t.Errorf("cancelled build is %s", b.Status)
		}
	}
	var text string
	if code := w.do("POST", builds+"/"+running+":cancel", nil, &text); code != http.StatusBadRequest || !strings.Contains(text, "FAILED_PRECONDITION") {
		t.Errorf("second cancel: %d %s", code, text)
	}
	slow := script("sleep 600")
	slow["timeout"] = "0.2s"
	b := w.wait(w.create(slow), "TIMEOUT")
	if b.Steps[0].Status != "TIMEOUT" {
		t.Errorf("its step is %s", b.Steps[0].Status)
	}
	again := struct {
		Metadata struct{ Build struct{ ID string } }
	}{}
	if code := w.do("POST", builds+"/"+waiting+":retry", nil, &again); code != http.StatusOK || again.Metadata.Build.ID == waiting {
		t.Errorf("retry: %d %+v", code, again)
	}
	w.wait(again.Metadata.Build.ID, "SUCCESS")
}

func TestRefused(t *testing.T) {
	w, sha := newWorld(t, empty(), nil)
	change := func(f func(b map[string]any)) map[string]any {
		b := previewBuild(t, "orders", sha)
		f(b)
		return b
	}
	substitution := func(b map[string]any) map[string]any { return b["substitutions"].(map[string]any) }
	for _, c := range []struct {
		name  string
		build any
		says  string
	}{
		{"unused substitution", change(func(b map[string]any) { substitution(b)["_X"] = "1" }), `key in the substitution data \"_X\" is not matched in the template`},
		{"missing substitution", change(func(b map[string]any) { delete(substitution(b), "_SHA") }), `key in the template \"_SHA\" is not a valid built-in substitution`},
		{"account without logging", change(func(b map[string]any) { b["options"] = map[string]any{} }), "if 'build.service_account' is specified"},
		{"unknown field", change(func(b map[string]any) { b["colour"] = 1 }), `Unknown name \"colour\"`},
		{"unknown repository", change(func(b map[string]any) {
			b["source"] = map[string]any{"connectedRepository": map[string]any{"repository": "x"}}
		}), "Resource 'x' was not found"},
		{"option of git", change(func(b map[string]any) {
			b["source"] = map[string]any{"gitSource": map[string]any{"url": "--upload-pack=x"}}
		}), "invalid value for 'build.source'"},
		{"bad tag", change(func(b map[string]any) { b["tags"] = []string{"a b"} }), "invalid build tag"},
		{"no steps", map[string]any{}, "build steps"},
		{"later step", map[string]any{"steps": []any{map[string]any{"name": "a", "waitFor": []string{"b"}}, map[string]any{"name": "b", "id": "b"}}}, "no earlier step"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text string
			code := w.do("POST", builds, c.build, &text)
			if code < 400 || code >= 500 || !strings.Contains(text, c.says) {
				t.Errorf("%d %s, want %q", code, text, c.says)
			}
		})
	}
}

func TestList(t *testing.T) {
	w, _ := newWorld(t, empty(), nil)
	var ids []string
	for i := range 5 {
		b := script("true")
		b["tags"] = []string{fmt.Sprintf("t%d", i), []string{"even", "odd"}[i%2]}
		id := w.create(b)
		w.wait(id, "SUCCESS")
		ids = append(ids, id)
	}
	created := w.get(ids[2]).CreateTime.Format(time.RFC3339Nano)
	for filter, want := range map[string]string{
		"": "43210", `tags="odd"`: "31", `tags="even" AND create_time>"` + created + `"`: "4", `tags="t1" OR tags="t2"`: "21",
		`status="SUCCESS" NOT tags="even"`: "31", `status="WORKING"`: "", `create_time<="` + created + `" (tags=even OR tags=t1)`: "210",
		`build_id="` + ids[3] + `"`: "3", `-tags="even"`: "31",
	} {
		got, token := "", ""
		for {
			var page struct {
				Builds        []cloudbuild.Build
				NextPageToken string
			}
			path := builds + "?pageSize=2&filter=" + escape(filter) + "&pageToken=" + token
			if code := w.do("GET", path, nil, &page); code != http.StatusOK {
				t.Fatalf("%s: %d", filter, code)
			}
			for _, b := range page.Builds {
				for i, id := range ids {
					if id == b.ID {
						got += fmt.Sprint(i)
					}
				}
			}
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		if got != want {
			t.Errorf("filter %q lists %q, want %q", filter, got, want)
		}
	}
	for _, bad := range []string{`tags=`, `(tags="x"`, `colour="red"`, `create_time>"x"`, `tags<"x"`, `tags="x`} {
		if code := w.do("GET", builds+"?filter="+escape(bad), nil, nil); code != http.StatusBadRequest {
			t.Errorf("filter %q: %d", bad, code)
		}
	}
	if code := w.do("GET", strings.Replace(builds, "europe-west1", "us-east1", 1)+"/"+ids[0], nil, nil); code != http.StatusNotFound {
		t.Errorf("another region knows the build: %d", code)
	}
}

func TestRestart(t *testing.T) {
	w, _ := newWorld(t, empty(), func(o *cloudbuild.Options) { o.Concurrency = 1 })
	finished := w.create(script("true"))
	w.wait(finished, "SUCCESS")
	working := w.create(script("sleep 600"))
	w.wait(working, "WORKING")
	queued := w.create(script("true"))
	w.http.Close()
	w.server.Close()
	w.open(nil)
	w.wait(working, "INTERNAL_ERROR")
	w.wait(queued, "SUCCESS")
	if b := w.get(finished); b.Status != "SUCCESS" {
		t.Errorf("the finished build is %s", b.Status)
	}
	for !strings.HasSuffix(w.noticesOf(working), "INTERNAL_ERROR]") {
		time.Sleep(time.Millisecond)
	}
}

func TestFaults(t *testing.T) {
	w, _ := newWorld(t, empty(), nil)
	w.do("PUT", "/emulator/faults", map[string]any{"fail_calls": 1, "fail_status": 429}, nil)
	if code := w.do("GET", builds, nil, nil); code != http.StatusTooManyRequests {
		t.Errorf("%d, want 429", code)
	}
	w.do("PUT", "/emulator/faults", map[string]any{"lost_answers": 1}, nil)
	if code := w.do("POST", builds, script("true"), nil); code != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", code)
	}
	var page struct{ Builds []cloudbuild.Build }
	if w.do("GET", builds, nil, &page); len(page.Builds) != 1 {
		t.Errorf("%d builds, want the one whose answer was lost", len(page.Builds))
	}
	w.do("PUT", "/emulator/faults", map[string]any{"broken_builds": 1, "broken_tag": "x"}, nil)
	w.wait(w.create(script("true")), "SUCCESS")
	broken := script("true")
	broken["tags"] = []string{"x"}
	w.wait(w.create(broken), "INTERNAL_ERROR")
	if code := w.do("PUT", "/emulator/faults", map[string]any{"colour": 1}, nil); code != http.StatusBadRequest {
		t.Errorf("unknown fault: %d", code)
	}
}

func TestAPullRequestGetsNoSecrets(t *testing.T) {
	t.Setenv("GANGWAY_SECRET", "canary-1234")
	t.Setenv("GITHUB_TOKEN", "canary-1234")
	w, _ := newWorld(t, empty(), nil)
	id := w.create(script("env; export -p"))
	w.wait(id, "SUCCESS")
	if log := w.log(id); strings.Contains(log, "canary-1234") || !strings.Contains(log, "PATH=") {
		t.Errorf("environment of a step:\n%s", log)
	}
}

func escape(s string) string { return url.QueryEscape(s) }
