package platform

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// Every right that Terraform gives, so that a widening shows in a difference. UPDATE=1 writes the file anew.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	got := snapshot(own(t), kinds)
	const golden = "testdata/iam.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; make it with UPDATE=1 go test ./internal/platform", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("rights have changed (-%s +now); if that is meant: UPDATE=1 go test ./internal/platform\n%s", golden, diff)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems(own(t), kinds) {
		t.Error(problem)
	}
}

// problems is everything that the platform must not do.
func problems(c config, kinds map[string]map[string][]string) []string {
	var list []string
	bound := map[string]bool{}
	for _, r := range c.resources {
		list = append(list, public(r)...)
		list = append(list, labelled(r)...)
		list = append(list, kept(r)...)
		if r.isBinding() {
			custom, why := bindingProblems(c, r, kinds)
			list = append(list, why...)
			for _, key := range custom {
				bound[key] = true
			}
		}
	}
	for account, parts := range kinds {
		for kind, permissions := range parts {
			list = append(list, roleProblems(account+"_"+kind, permissions)...)
			if !bound[account+"_"+kind] {
				list = append(list, fmt.Sprintf("role %s_%s is bound nowhere", account, kind))
			}
		}
	}
	slices.Sort(list)
	return list
}

func roleProblems(role string, permissions []string) []string {
	var list []string
	if len(permissions) == 0 {
		list = append(list, "role "+role+" is empty")
	}
	for _, permission := range permissions {
		method := permission[strings.LastIndex(permission, ".")+1:]
		switch {
		case strings.HasSuffix(permission, "etIamPolicy") && method != "getIamPolicy", strings.Contains(permission, "*"):
			list = append(list, fmt.Sprintf("role %s has %s", role, permission))
		case strings.HasPrefix(permission, "iam.") && permission != "iam.serviceAccounts.actAs":
			list = append(list, fmt.Sprintf("role %s has %s", role, permission))
		}
	}
	if len(permissions) > 1 && slices.Contains(permissions, "iam.serviceAccounts.actAs") {
		list = append(list, "role "+role+" mixes actAs with other rights, and is bound together with them")
	}
	return list
}

// predefined are the roles of Google's that may be given: to Google's agents, and to everybody on the receiver.
var predefined = []string{
	"roles/pubsub.publisher", "roles/pubsub.subscriber", "roles/run.invoker", "roles/secretmanager.secretAccessor",
}

func bindingProblems(c config, r resource, kinds map[string]map[string][]string) (custom, list []string) {
	if !strings.HasSuffix(r.kind, "_iam_member") {
		return nil, []string{fmt.Sprintf("%s: only _iam_member leaves the rights of others alone", r)}
	}
	role, ok := r.attribute("role")
	if !ok {
		return nil, []string{fmt.Sprintf("%s has no role", r)}
	}
	custom, google, why := roles(c.closure(role))
	for _, problem := range why {
		list = append(list, fmt.Sprintf("%s: %s", r, problem))
	}
	if len(custom)+len(google) == 0 {
		list = append(list, fmt.Sprintf("%s: role can't be told from %s", r, role.text()))
	}
	for _, name := range google {
		if !slices.Contains(predefined, name) {
			list = append(list, fmt.Sprintf("%s gives %s", r, name))
		}
	}
	for _, key := range custom {
		account, kind, _ := strings.Cut(key, "_")
		permissions, ok := kinds[account][kind]
		if !ok {
			list = append(list, fmt.Sprintf("%s: there is no role %s", r, key))
		}
		if slices.Contains(permissions, "iam.serviceAccounts.actAs") && r.kind != "google_service_account_iam_member" {
			list = append(list, fmt.Sprintf("%s gives actAs beyond one account", r))
		}
	}
	return custom, list
}

// public: nobody unknown may do anything, but call the receiver.
func public(r resource) []string {
	for _, e := range r.all() {
		for _, literal := range e.literals() {
			if (literal == "allUsers" || literal == "allAuthenticatedUsers") && r.String() != "google_cloud_run_v2_service_iam_member.receive" {
				return []string{fmt.Sprintf("%s: %s", r, literal)}
			}
		}
	}
	return nil
}

// labelAttributes are the types that take labels, with the attribute that holds them; "" for those that take none. A type
// that isn't listed has to be looked up first.
var labelAttributes = map[string]string{
	"module": "labels",

	"google_artifact_registry_repository":    "labels",
	"google_cloud_run_v2_service":            "labels",
	"google_pubsub_subscription":             "labels",
	"google_pubsub_topic":                    "labels",
	"google_secret_manager_secret":           "labels",
	"google_storage_bucket":                  "labels",
	"google_monitoring_alert_policy":         "user_labels",
	"google_monitoring_notification_channel": "user_labels",

	"google_cloudbuildv2_connection":       "",
	"google_cloudbuildv2_repository":       "",
	"google_firestore_database":            "",
	"google_firestore_field":               "",
	"google_firestore_index":               "",
	"google_monitoring_dashboard":          "", // in its JSON
	"google_project_iam_custom_role":       "",
	"google_project_service":               "",
	"google_project_service_identity":      "",
	"google_secret_manager_secret_version": "",
	"google_service_account":               "",
}

func labelled(r resource) []string {
	attribute, ok := labelAttributes[r.kind]
	switch {
	case r.isBinding():
		return nil
	case !ok:
		return []string{fmt.Sprintf("%s: does this type take labels? Say so in labelAttributes", r)}
	case attribute == "":
		return nil
	}
	labels, ok := r.attribute(attribute)
	if !ok || !slices.Contains(labels.locals(), "labels") {
		return []string{fmt.Sprintf("%s: %s are not local.labels", r, attribute)}
	}
	return nil
}

// kept: nothing is lost or shown by a setting that was forgotten.
func kept(r resource) []string {
	var list []string
	want := func(e expression, ok bool, text string) {
		if !ok || e.text() != text {
			list = append(list, fmt.Sprintf("%s: a setting is not %s", r, text))
		}
	}
	nested := func(block, attribute string) (expression, bool) {
		blocks := r.blocks(block)
		if len(blocks) != 1 {
			return expression{}, false
		}
		return blocks[0].attribute(attribute)
	}
	switch r.kind {
	case "google_pubsub_subscription":
		e, ok := nested("expiration_policy", "ttl")
		want(e, ok, `""`)
		if topic, ok := r.attribute("topic"); ok && strings.HasPrefix(topic.text(), "google_pubsub_topic.dead_letter[") {
			break // dead letters of dead letters there are none
		}
		if e, ok = nested("dead_letter_policy", "dead_letter_topic"); !ok || !strings.HasPrefix(e.text(), "google_pubsub_topic.dead_letter[") {
			list = append(list, fmt.Sprintf("%s has no dead letters", r))
		}
		if _, ok = nested("retry_policy", "maximum_backoff"); !ok {
			list = append(list, fmt.Sprintf("%s has no pauses between attempts", r))
		}
	case "google_storage_bucket":
		e, ok := r.attribute("uniform_bucket_level_access")
		want(e, ok, "true")
		e, ok = r.attribute("public_access_prevention")
		want(e, ok, `"enforced"`)
	case "google_project_service":
		if _, ok := r.attribute("disable_on_destroy"); !ok {
			list = append(list, fmt.Sprintf("%s: a removal would disable services that others use", r))
		}
	case "google_secret_manager_secret_version":
		if r.name != "metrics" {
			list = append(list, fmt.Sprintf("%s: a secret would be in Terraform's state", r))
		}
	}
	return list
}

// Each rule finds what it is for, in the platform itself with one thing added.
func TestRulesFind(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ source, want string }{
		"nothing": {"", ""},
		"everybody": {
			`resource "google_cloud_run_v2_service_iam_member" "x" {
			   role   = google_project_iam_custom_role.role["gateway_services"].id
			   member = "allUsers"
			 }`, "google_cloud_run_v2_service_iam_member.x: allUsers",
		},
		"everybody signed in, by a condition": {
			`resource "google_storage_bucket_iam_member" "x" {
			   role   = google_project_iam_custom_role.role["build_sources"].id
			   member = var.open ? "allAuthenticatedUsers" : local.build
			 }`, "google_storage_bucket_iam_member.x: allAuthenticatedUsers",
		},
		"primitive role": {
			`resource "google_project_iam_member" "x" {
			   role = "roles/editor"
			 }`, "google_project_iam_member.x gives roles/editor",
		},
		"primitive role, by a local": {
			`locals { wide = { a = "roles/owner" } }
			 resource "google_project_iam_member" "x" {
			   for_each = local.wide
			   role     = local.wide[each.key]
			 }`, "google_project_iam_member.x gives roles/owner",
		},
		"role of a variable": {
			`resource "google_project_iam_member" "x" {
			   role = var.role
			 }`, "google_project_iam_member.x: role can't be told from var.role",
		},
		"custom role of a variable": {
			`resource "google_project_iam_member" "x" {
			   role = google_project_iam_custom_role.role[each.key].id
			 }`, "google_project_iam_member.x: a custom role is not named literally",
		},
		"actAs on the project": {
			`resource "google_project_iam_member" "x" {
			   role = google_project_iam_custom_role.role["intake_accounts"].id
			 }`, "google_project_iam_member.x gives actAs beyond one account",
		},
		"no such role": {
			`resource "google_project_iam_member" "x" {
			   role = google_project_iam_custom_role.role["intake_secret"].id
			 }`, "google_project_iam_member.x: there is no role intake_secret",
		},
		"binding": {
			`resource "google_project_iam_binding" "x" {
			   role = "roles/pubsub.publisher"
			 }`, "google_project_iam_binding.x: only _iam_member",
		},
		"no labels":      {`resource "google_pubsub_topic" "x" {}`, "google_pubsub_topic.x: labels are not local.labels"},
		"labels but not": {"resource \"google_pubsub_topic\" \"x\" {\n  labels = var.labels\n}", "google_pubsub_topic.x: labels are not local.labels"},
		"unknown type":   {`resource "google_sql_user" "x" {}`, "google_sql_user.x: does this type take labels?"},
		"expires": {
			`resource "google_pubsub_subscription" "x" {
			   labels = local.labels
			   expiration_policy {
			     ttl = "86400s"
			   }
			 }`, `google_pubsub_subscription.x: a setting is not ""`,
		},
		"no dead letters": {
			`resource "google_pubsub_subscription" "x" {
			   labels = local.labels
			   expiration_policy {
			     ttl = ""
			   }
			 }`, "google_pubsub_subscription.x has no dead letters",
		},
		"open bucket": {
			`resource "google_storage_bucket" "x" {
			   labels = local.labels
			 }`, "google_storage_bucket.x: a setting is not true",
		},
		"secret in the state": {
			`resource "google_secret_manager_secret_version" "x" {}`, "google_secret_manager_secret_version.x: a secret would be",
		},
		"disabled at removal": {
			`resource "google_project_service" "x" {}`, "google_project_service.x: a removal would disable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			added, err := parse(fstest.MapFS{"x/x.tf": {Data: []byte(c.source)}}, "x")
			if err != nil {
				t.Fatal(err)
			}
			world := own(t)
			world.resources = append(world.resources, added.resources...)
			maps.Copy(world.locals, added.locals)
			got := problems(world, kinds)
			found := slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, c.want) })
			if c.want == "" && len(got) > 0 || c.want != "" && !found {
				t.Errorf("problems = %q, want one that begins with %q", got, c.want)
			}
		})
	}
}

func TestRoleProblems(t *testing.T) {
	t.Parallel()
	for permission, bad := range map[string]bool{
		"run.services.setIamPolicy": true, "run.services.getIamPolicy": false, "iam.serviceAccounts.getAccessToken": true,
		"iam.roles.update": true, "storage.*": true, "run.services.get": false, "iam.serviceAccounts.actAs": false,
	} {
		if got := roleProblems("x", []string{permission}); (len(got) > 0) != bad {
			t.Errorf("%s: %q, want a problem: %v", permission, got, bad)
		}
	}
	if got := roleProblems("x", []string{"iam.serviceAccounts.actAs", "run.services.get"}); len(got) == 0 {
		t.Error("actAs among other rights is no problem")
	}
	if got := roleProblems("x", nil); len(got) == 0 {
		t.Error("an empty role is no problem")
	}
}

// A role that is bound nowhere gives nothing, and hides what is missing.
func TestUnboundRole(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	kinds["intake"]["forgotten"] = []string{"run.services.get"}
	want := "role intake_forgotten is bound nowhere"
	if got := problems(own(t), kinds); !slices.Contains(got, want) {
		t.Errorf("problems = %q, want %q", got, want)
	}
}
