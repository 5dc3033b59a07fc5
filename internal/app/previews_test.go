package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/sqlite"
)

// A shelf is a store with previews in it.
type shelf struct {
	t     *testing.T
	path  string
	store *sqlite.Store
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &shelf{t, path, store}
}

func shopKey(gateway string, number int) preview.Key {
	return preview.Key{Environment: "development", Gateway: gateway, Repository: 7, PullRequest: number}
}

func (s *shelf) put(key preview.Key, owner preview.Owner, body []byte, settled bool) {
	s.t.Helper()
	lease, ok, err := s.store.Acquire(s.t.Context(), preview.LeaseName(key, owner), "test", time.Minute)
	if err != nil || !ok {
		s.t.Fatal(ok, err)
	}
	row, err := s.store.Load(s.t.Context(), key, owner)
	if err != nil {
		s.t.Fatal(err)
	}
	row.Body, row.Settled = body, settled
	if _, err := s.store.Save(s.t.Context(), lease, row); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) want(key preview.Key, w preview.Wanted) {
	s.t.Helper()
	body, err := w.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(key, preview.Intake, body, w.Settled(w.Down))
}

func (s *shelf) previews() *app.Previews {
	s.t.Helper()
	p, err := app.OpenPreviews(s.t.Context(), s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestPreviewsList(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	waiting := preview.Wanted{Intent: preview.IntentLive, Generation: 2, HeadSHA: strings.Repeat("a", 40), Changed: time.UnixMilli(9).UTC()}
	s.want(shopKey("shop", 1), waiting)
	s.want(shopKey("shop", 2), preview.Wanted{Intent: preview.IntentIdle, Generation: 1})
	s.want(shopKey("shop", 3), preview.Wanted{Intent: preview.IntentClosed, Generation: 1})
	s.put(shopKey("shop", 4), preview.Intake, []byte(`{"schema":99}`), false)
	list, err := s.previews().List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%v: %+v; want the first and the last", err, list)
	}
	want := app.PreviewStatus{
		Preview: "development/shop/7/1", Condition: preview.ConditionWaiting, Waiting: waiting.Changed, Intent: preview.IntentLive, Generation: 2,
		HeadSHA: waiting.HeadSHA, Change: preview.ChangeID(7, 1, waiting.HeadSHA),
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(list[1].Unreadable, "schema 99") {
		t.Errorf("the unreadable one is %+v", list[1])
	}
}

func TestPreviewsFind(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	live := preview.Wanted{Intent: preview.IntentLive, Generation: 1}
	for _, key := range []preview.Key{shopKey("shop", 1), shopKey("shop", 2), shopKey("back", 2)} {
		s.want(key, live)
	}
	s.want(shopKey("shop", 3), preview.Wanted{Intent: preview.IntentClosed, Generation: 1})
	p := s.previews()
	for name, want := range map[string]string{
		"1": "development/shop/7/1", "development/back/7/2": "development/back/7/2", "development/shop/7/3": "development/shop/7/3",
	} {
		if got, err := p.Show(t.Context(), name); err != nil || got.Preview != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"2":                    "development/back/7/2, development/shop/7/2",
		"3":                    "give its key",
		"x":                    "give its key",
		"a/b":                  "want environment/gateway/repository id/pull request number",
		"development/shop/7/9": "there is no preview development/shop/7/9",
	} {
		if _, err := p.Look(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// Looking again makes both rows due.
func TestPreviewsLook(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	key := shopKey("shop", 1)
	s.want(key, preview.Wanted{Intent: preview.IntentLive, Generation: 1})
	if _, err := s.previews().Look(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		due, err := s.store.Due(t.Context(), owner, time.Now(), 10)
		if err != nil || len(due) != 1 || due[0] != key {
			t.Errorf("due of the %s: %v, %v", owner, due, err)
		}
	}
}
