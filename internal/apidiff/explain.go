package apidiff

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

// explain puts the changes of contracts into words.
func (c *comparison) explain(changes []Change) error {
	var pairs []pair
	for i, change := range changes {
		if change.Kind == Changed {
			key := keyOf(change.Method, change.Path)
			pairs = append(pairs, pair{number: i, base: c.base.operations[key], head: c.head.operations[key]})
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	j := &judge{comparison: c, tries: maxTries, details: map[int][]Detail{}}
	err := j.try(pairs)
	for _, p := range pairs {
		found := j.details[p.number]
		if len(found) == 0 {
			found = c.outline(p.base, p.head)
		}
		slices.SortStableFunc(found, worstFirst)
		changes[p.number].Details = slices.Compact(found)
	}
	return err
}

// maxTries bounds how often oasdiff is asked.
const maxTries = 64

// A judge finds out what changes mean.
type judge struct {
	*comparison
	tries   int
	details map[int][]Detail // by the number of the pair
}

// try explains all pairs at once. If that fails it tries both halves, so that one document's oddity leaves only the
// operations unjudged that it is about. The error is the first.
func (j *judge) try(pairs []pair) error {
	if j.tries == 0 {
		return errors.New("there are too many operations that can't be judged")
	}
	j.tries--
	base, head, err := j.reduce(pairs)
	if err == nil {
		var details map[int][]Detail
		if details, err = explanations(base, head); err == nil {
			maps.Copy(j.details, details)
			return nil
		}
	}
	if len(pairs) == 1 {
		return err
	}
	half := len(pairs) / 2
	return cmp.Or(j.try(pairs[:half]), j.try(pairs[half:]))
}

// explanations asks oasdiff, which panics on some documents that nobody writes on purpose.
func explanations(base, head []byte) (details map[int][]Detail, err error) {
	defer func() {
		if r := recover(); r != nil {
			details, err = nil, fmt.Errorf("the comparison gave up on these documents: %v", r)
		}
	}()
	before, err := loadSpec(base)
	if err != nil {
		return nil, fmt.Errorf("reading the base: %w", err)
	}
	after, err := loadSpec(head)
	if err != nil {
		return nil, fmt.Errorf("reading the head: %w", err)
	}
	found, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), before, after)
	if err != nil {
		return nil, err
	}
	config := checker.NewConfig(checker.GetAllChecks())
	localize := checker.NewLocalizer("en")
	details = map[int][]Detail{}
	for _, change := range checker.CheckBackwardCompatibilityUntilLevel(config, found, sources, checker.INFO) {
		number, ok := pairOf(change.GetPath())
		if !ok {
			continue // of components, which count where they are used
		}
		detail := Detail{Text: clean(strings.ReplaceAll(change.GetUncolorizedText(localize), "`", `"`))}
		switch level := change.GetLevel(); {
		case level >= checker.ERR:
			detail.Severity = Breaking
		case level == checker.WARN:
			detail.Severity = Risky
		}
		details[number] = append(details[number], detail)
	}
	return details, nil
}

func loadSpec(document []byte) (*load.SpecInfo, error) {
	loader := openapi3.NewLoader() // which opens no other documents unless told to
	spec, err := loader.LoadFromData(document)
	if err != nil {
		return nil, err
	}
	return &load.SpecInfo{Spec: spec}, nil
}
