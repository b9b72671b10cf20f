package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/internal/dashboard/report"
)

// report returns the path of the run's report, an HTML page.
func (o options) report() string { return filepath.Join(o.out, "report.html") }

// writeReport writes the report: the tiles computed from the events that were
// sent, and the figures of the run.
func (v verdict) writeReport() error {
	f, err := os.Create(v.report)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	page := report.Page{Title: v.answer.Run, Tiles: v.got, Run: v.account()}
	return errors.Join(page.Write(f), f.Close())
}

// account returns the run's figures, problems, notes and spans for the report.
func (v verdict) account() *report.Run {
	sum := v.sum()
	r := &report.Run{
		Figures: []report.Figure{
			{Name: "Systems archived", Value: fmt.Sprintf("%d of %d", v.answer.Archived, v.answer.Systems)},
			{Name: "Raw results", Value: size(v.answer.Bytes)},
			{Name: "Events accepted", Value: report.Thousands(sum.Accepted)},
			{Name: "Events quarantined", Value: report.Thousands(sum.Quarantined)},
			{Name: "Skipped by configuration", Value: report.Thousands(sum.Skipped)},
			{Name: "Requests", Value: report.Thousands(sum.Requests)},
			{Name: "Peak memory, collector", Value: mebibytes(v.memory[0])},
			{Name: "Peak memory, forwarder", Value: mebibytes(v.memory[1])},
		},
		Problems: v.problems, More: v.moreSpans,
	}
	for _, f := range v.answer.Failures {
		r.Notes = append(r.Notes, "Not archived: "+f.System+": "+f.Reason)
	}
	for _, s := range v.spans {
		r.Spans = append(r.Spans, shown(s))
	}
	return r
}

// shown turns an X-Ray span into one of the report. Its subject is the raw object
// or the system that the span worked on.
func shown(s tracing.Span) report.Span {
	subject := s.Annotations["system"]
	if key := s.Annotations["key"]; key != "" {
		subject = strings.TrimSuffix(path.Base(key), ".json.gz")
	}
	return report.Span{Trace: s.Trace, Name: s.Name, Subject: subject, Start: s.Start, End: s.End, Depth: s.Depth, Failure: s.Failure}
}
