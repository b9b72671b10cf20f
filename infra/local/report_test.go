package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/payload"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	v := verdict{
		answer: payload.RunAnswer{RunCounts: payload.RunCounts{Systems: 3, Archived: 2, Bytes: 12_400_000}, Failures: []payload.RunFailure{{System: "vc2.example", Reason: "it was never analysed"}}},
		deliveries: []delivery{
			delivered("raw/v1/run=r/a.json.gz", archive.DeliveryComplete, 10_403, 10_400),
			delivered("raw/v1/run=r/b.json.gz", archive.DeliveryComplete, 13, 10),
		},
		memory:   [2]int64{41 << 20, 63 << 20},
		problems: []string{"Critical: 3 rules shown, 1 expected"},
		spans: []tracing.Span{
			{Trace: "1", Name: "start"},
			{Trace: "1", Name: "trigger", Annotations: map[string]string{"system": "vc1"}, Depth: 1},
			{Trace: "2", Name: "deliver", Annotations: map[string]string{"key": "raw/v1/run=r/a.json.gz"}, Failure: "fault", Depth: 1},
		},
		moreSpans: 4,
	}
	want := &report.Run{
		Figures: []report.Figure{
			{Name: "Systems archived", Value: "2 of 3"},
			{Name: "Raw results", Value: "12.4 MB"},
			{Name: "Events accepted", Value: "10,410"},
			{Name: "Events quarantined", Value: "2"},
			{Name: "Skipped by configuration", Value: "4"},
			{Name: "Requests", Value: "6"},
			{Name: "Peak memory, collector", Value: "41 MiB"},
			{Name: "Peak memory, forwarder", Value: "63 MiB"},
		},
		Problems: v.problems,
		Notes:    []string{"Not archived: vc2.example: it was never analysed"},
		Spans:    []report.Span{{Trace: "1", Name: "start"}, {Trace: "1", Name: "trigger", Subject: "vc1", Depth: 1}, {Trace: "2", Name: "deliver", Subject: "a", Failure: "fault", Depth: 1}},
		More:     4,
	}
	if d := cmp.Diff(want, v.account()); d != "" {
		t.Error(d)
	}
}

func TestAReportThatCannotBeWrittenIsNamed(t *testing.T) {
	t.Parallel()
	v := verdict{report: filepath.Join(t.TempDir(), "nowhere", "report.html")}
	if err := v.writeReport(); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "write the report: ") {
		t.Errorf("error %v", err)
	}
}

// A run that fails before its verdict must not leave the report of the last one.
func TestAnOldReportIsRemoved(t *testing.T) {
	t.Parallel()
	o := small(t)
	if err := os.WriteFile(o.report(), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.bin = t.TempDir() // without binaries the start fails
	if _, err := startStack(t.Context(), o); err == nil {
		t.Fatal("it started")
	}
	if _, err := os.Stat(o.report()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the report is there (%v)", err)
	}
}
