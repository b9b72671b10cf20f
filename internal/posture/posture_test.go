package posture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/posture"
	"runecast-ingest/internal/store"
)

// objects is an archive in memory: raw objects by key.
type objects map[string]string

func (o objects) Head(_ context.Context, key string) (archive.RawInfo, error) {
	if _, ok := o[key]; !ok {
		return archive.RawInfo{}, store.ErrMissing
	}
	return archive.RawInfo{Key: key}, nil
}

func (o objects) Open(_ context.Context, info archive.RawInfo) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(o[info.Key])), nil
}

// analysis is a raw object with these checks, as "CIS-1:FAIL CIS-2:PASS".
func analysis(checks string) string {
	var issues []string
	for check := range strings.FieldsSeq(checks) {
		id, status, _ := strings.Cut(check, ":")
		issues = append(issues, `{"id":"`+id+`","issueDisplayId":"`+id+`","severity":"Major","type":"CIS","title":"T","status":"`+status+`","affectedObjectsCount":0}`)
	}
	return `{"schema":"runecast-raw/1","run":{"id":"r","startedAt":"2026-11-22T02:00:00Z"},"system":{"id":"a","name":"a","type":"VCENTER"},"scan":{},"result":{"issues":[` + strings.Join(issues, ",") + `]}}`
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	archived := objects{
		"now":    analysis("CIS-1:FAIL CIS-2:FAIL CIS-3:PASS CIS-4:PASS CIS-5:MANUAL CIS-6:UNLICENSED CIS-9:FAIL"),
		"before": analysis("CIS-1:FAIL CIS-2:PASS CIS-3:FAIL CIS-4:MANUAL CIS-5:FAIL"),
		"cut":    `{"schema":"runecast-raw/1","system":{"id":"a"},"result":{"issues":[{`,
	}
	empty := archive.RuleList{First: []string{}}
	now := archive.Outcome{Posture: 33, Before: -1, Passed: 2, Manual: 1, Failed: 3, NewlyFailed: empty, NewlyPassed: empty}
	compared := now
	compared.Before, compared.NewlyFailed, compared.NewlyPassed = 20, archive.RuleList{Count: 2, First: []string{"CIS-2", "CIS-9"}}, archive.RuleList{Count: 1, First: []string{"CIS-3"}}
	for name, tc := range map[string]struct {
		key, previous string
		want          *archive.Outcome
		err           string
	}{
		"the first":                 {"now", "", &now, ""},
		"beside the one before":     {"now", "before", &compared, ""},
		"the one before is expired": {"now", "expired", &now, ""},
		"missing":                   {"missing", "before", nil, "read the outcome: "},
		"cut":                       {"cut", "", nil, "read the outcome: "},
		"the one before is cut":     {"now", "cut", nil, "read the outcome before: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := posture.New(archived)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Outcome(t.Context(), tc.key, tc.previous)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
		})
	}
}

func TestOutcomeNamesTwentyRules(t *testing.T) {
	t.Parallel()
	var checks []string
	for i := range 30 {
		checks = append(checks, fmt.Sprintf("CIS-%d:FAIL", i))
	}
	r, err := posture.New(objects{"now": analysis(strings.Join(checks, " ")), "before": analysis("CIS-0:PASS")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Outcome(t.Context(), "now", "before")
	if err != nil || got.NewlyFailed.Count != 30 || len(got.NewlyFailed.First) != 20 {
		t.Errorf("%+v %v", got, err)
	}
}

// A failure of the archive is told from an analysis that is not there.
func TestOutcomeOfABrokenArchive(t *testing.T) {
	t.Parallel()
	down := errors.New("the archive is down")
	r, err := posture.New(broken{down})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Outcome(t.Context(), "now", ""); !errors.Is(err, down) {
		t.Error(err)
	}
}

type broken struct{ err error }

func (b broken) Head(context.Context, string) (archive.RawInfo, error) {
	return archive.RawInfo{}, b.err
}

func (b broken) Open(context.Context, archive.RawInfo) (io.ReadCloser, error) { return nil, b.err }
