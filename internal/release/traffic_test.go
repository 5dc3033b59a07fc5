package release

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

type target = preview.TrafficTarget

func TestShift(t *testing.T) {
	for name, c := range map[string]struct {
		found []target
		to    []Share
		want  []target
	}{
		"the first share": {
			found: []target{{Revision: "n", Percent: 100}, {Revision: "p", Tag: "pr-7", URL: "u"}, {Revision: "c", Tag: "rc-1234567"}},
			to:    split("n", "c", 5),
			want:  []target{{Revision: "n", Percent: 95}, {Revision: "p", Tag: "pr-7", URL: "u"}, {Revision: "c", Tag: "rc-1234567"}, {Revision: "c", Percent: 5}},
		},
		"all of it": {
			found: []target{{Revision: "n", Percent: 95}, {Revision: "c", Percent: 5}},
			to:    all("c"), want: []target{{Revision: "c", Percent: 100}},
		},
		"a tag that carries the share keeps its place": {
			found: []target{{Revision: "n", Percent: 100, Tag: "stable"}},
			to:    split("n", "c", 50),
			want:  []target{{Revision: "n", Tag: "stable"}, {Revision: "c", Percent: 50}, {Revision: "n", Percent: 50}},
		},
		"nothing to do": {
			found: []target{{Revision: "n", Percent: 60}, {Revision: "n", Percent: 40, Tag: "stable"}},
			to:    all("n"), want: []target{{Revision: "n", Percent: 60}, {Revision: "n", Percent: 40, Tag: "stable"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Traffic{CloudRun: "orders", Targets: c.found}.With(c.to)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTrafficThatIsRefused(t *testing.T) {
	for name, found := range map[string][]target{
		"no entry":           nil,
		"follows the latest": {{Latest: true, Revision: "n", Percent: 100}},
		"a tag that follows": {{Revision: "n", Percent: 100}, {Latest: true, Tag: "next"}},
		"sums to 90":         {{Revision: "n", Percent: 90}},
		"sums by a negative": {{Revision: "n", Percent: 110}, {Revision: "m", Percent: -10}},
		"names no revision":  {{Percent: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Traffic{CloudRun: "orders", Targets: found}.With(all("n"))
			if _, ok := errors.AsType[*preview.UserError](err); !ok {
				t.Errorf("error = %v; want one that says what to do", err)
			}
		})
	}
	for name, to := range map[string][]Share{
		"sums to 99": {{"n", 99}}, "no shares": nil, "twice": {{"n", 50}, {"n", 50}}, "nothing": {{"n", 100}, {"c", 0}}, "unnamed": {{"", 100}},
	} {
		if _, err := (Traffic{Targets: []target{{Revision: "n", Percent: 100}}}).With(to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzShift looks that whatever list was found: the shares are those that were asked for, they sum to 100, and no tag
// changes its place, its revision or its URL.
func FuzzShift(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		names := []string{"a", "b", "c", "d"}
		found := Traffic{CloudRun: "orders", Targets: randomTargets(r, names)}
		before, err := found.Shares()
		if err != nil {
			t.Skip()
		}
		to := split(names[r.IntN(4)], "new", r.IntN(101))
		untouched := slices.Clone(found.Targets)
		list, err := found.With(to)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(found.Targets, untouched) {
			t.Fatal("the list that was found was changed")
		}
		after, err := Traffic{Targets: list}.Shares()
		if err != nil || !slices.Equal(after, to) {
			t.Fatalf("%v became %v: shares %v, %v; want %v", found.Targets, list, after, err, to)
		}
		if got, want := tagsOf(list), tagsOf(found.Targets); !slices.Equal(got, want) {
			t.Fatalf("tags %v became %v", want, got)
		}
		for _, e := range found.Targets {
			if percentOf(before, e.Revision) == percentOf(to, e.Revision) && !slices.Contains(list, e) {
				t.Fatalf("entry %v is gone from %v", e, list)
			}
		}
		again, err := Traffic{Targets: list}.With(to)
		if err != nil || !slices.Equal(again, list) {
			t.Fatalf("doing it twice: %v became %v, %v", list, again, err)
		}
		tagged, err := found.WithTag("rc-1234567", "new")
		if err != nil {
			t.Fatal(err)
		}
		if shares, err := (Traffic{Targets: tagged}).Shares(); err != nil || !slices.Equal(shares, before) {
			t.Fatalf("a tag changed %v to %v, %v", before, shares, err)
		}
		if back := (Traffic{Targets: tagged}).WithoutTag("rc-1234567", "new"); !slices.Equal(back, found.Targets) {
			t.Fatalf("%v became %v", found.Targets, back)
		}
	})
}

func tagsOf(list []target) []target {
	var tags []target
	for _, e := range list {
		if e.Tag != "" {
			e.Percent = 0
			tags = append(tags, e)
		}
	}
	return tags
}

func randomTargets(r *rand.Rand, names []string) []target {
	var list []target
	left := 100
	for i := range 1 + r.IntN(6) {
		e := target{Revision: names[r.IntN(len(names))]}
		if r.IntN(2) == 0 {
			e.Tag, e.URL = "t"+string(rune('0'+i)), "https://t"
		}
		if r.IntN(2) == 0 && left > 0 {
			e.Percent = 1 + r.IntN(left)
			left -= e.Percent
		}
		list = append(list, e)
	}
	if left > 0 {
		list = append(list, target{Revision: names[0], Percent: left})
	}
	return list
}

func TestUntagKeepsTheShare(t *testing.T) {
	found := Traffic{Targets: []target{{Revision: "n", Percent: 100, Tag: "rc-1", URL: "u"}, {Revision: "p", Tag: "pr-7"}}}
	want := []target{{Revision: "n", Percent: 100}, {Revision: "p", Tag: "pr-7"}}
	if diff := cmp.Diff(want, found.WithoutTag("rc-1", "n")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(found.Targets, found.WithoutTag("pr-7", "n")); diff != "" {
		t.Error("another revision's tag was taken: ", diff)
	}
	if _, err := found.WithTag("pr-7", "n"); err == nil {
		t.Error("another revision's tag was moved")
	}
}

func TestKeys(t *testing.T) {
	k := Key{Environment: "production", Service: "orders"}
	if again, err := ParseKey(k.String()); err != nil || again != k {
		t.Errorf("ParseKey(%q) = %v, %v", k, again, err)
	}
	for _, s := range []string{"", "orders", "production/", "/orders", "production/orders/1", "Production/orders", "a/-b"} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("ParseKey(%q) = %v; want an error", s, k)
		}
	}
}

func TestTags(t *testing.T) {
	const commit = "1a2b3c4d5e6f"
	for _, c := range []struct {
		length int
		want   string
	}{{6, "rc-1a2b3c4"}, {36, "rc-1a2b3c4"}, {37, "rc-1a2b3c"}, {39, "rc-1a2b"}, {40, ""}} {
		service := string(slices.Repeat([]byte("s"), c.length))
		tag, ok := CandidateTag(service, commit)
		if tag != c.want || ok != (c.want != "") || len(service)+len(tag) > preview.MaxTagAndService {
			t.Errorf("a service name of %d: tag %q, %v; want %q", c.length, tag, ok, c.want)
		}
	}
	if tag, ok := KeptTag("orders", "orders-00041-abc"); !ok || len(tag) != len("was-123456") {
		t.Errorf("KeptTag = %q, %v", tag, ok)
	}
}
