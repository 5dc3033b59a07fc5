package googleapi_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, project := range []string{"", "shop", "shop-dev", "shop-prod"} {
		number := googleapi.ProjectNumber(project)
		if !regexp.MustCompile(`^[1-9][0-9]{11}$`).MatchString(number) || number != googleapi.ProjectNumber(project) {
			t.Errorf("the number of %q is %s", project, number)
		}
		if other, ok := seen[number]; ok {
			t.Errorf("%q and %q have the same number", project, other)
		}
		seen[number] = project
		if got, want := googleapi.ComputeAccount(project), number+"-compute@developer.gserviceaccount.com"; got != want {
			t.Errorf("the account of %q is %s", project, got)
		}
	}
	for name, want := range map[string]string{
		"": "", "labels": "labels", "display_name": "displayName", "displayName": "displayName", "a_b_c": "aBC", "a__b": "aB",
	} {
		if got := googleapi.FieldName(name); got != want {
			t.Errorf("FieldName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value  any
		status int
		body   string
	}{
		"value":         {map[string]int{"n": 1}, http.StatusConflict, `{"n":1}`},
		"not JSON-able": {math.NaN(), http.StatusInternalServerError, "encoding the answer\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			googleapi.WriteJSON(w, http.StatusConflict, c.value)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body.String(), c.status, c.body)
			}
		})
	}
}
