package arrival

import (
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
)

// Causes names, for a person, why Dynatrace may not store an event that it has answered
// with 202, as its documents say; RUNBOOK.md says how to recognise each cause.
const Causes = "known causes: a pipeline or a routing of OpenPipeline drops them or leads them to another bucket; " +
	"they were over 24 hours old, or over 16 MB, when they were processed; the query token may not read the bucket, or not every row; " +
	"indexing takes longer than two hours"

func are(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func were(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// words returns the explanation of a state for a person; empty: the state is proven.
func words(a *archive.Arrival) string {
	var parts []string
	if n := a.Missing(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d rows %s not there", n, a.Expected, are(n)))
	}
	if a.ScanEvents == 0 {
		parts = append(parts, "the scan event is not there, so none of its rows is shown")
	}
	if a.Doubled > 0 {
		parts = append(parts, fmt.Sprintf("%d of the rows there %s more than %s sent", a.Doubled, are(a.Doubled), were(a.Doubled)))
	}
	switch {
	case len(parts) == 0:
		return ""
	case a.State != archive.ArrivalShort:
	case Reported(a):
		parts = append(parts, Causes)
	default:
		parts = append(parts, "it is asked again at "+Next(a).UTC().Format("2006-01-02T15:04:05Z"))
	}
	return strings.Join(parts, "; ")
}
