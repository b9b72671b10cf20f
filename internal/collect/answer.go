package collect

import (
	"fmt"
	"path"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/telemetry"
)

// maxFailures bounds the list in an answer; the run document has all.
const maxFailures = 100

// answer returns the answer about a run, with next as what a person may do now.
func answer(r *archive.Run, next string) payload.RunAnswer {
	a := payload.RunAnswer{Run: r.ID, State: r.State, Failures: []payload.RunFailure{}, Next: next}
	a.Systems = len(r.Systems)
	if a.State == "" {
		a.State = archive.RunIdle
	}
	for _, s := range r.Systems {
		a.Bytes += s.Bytes
		switch s.State {
		case archive.SystemArchived:
			a.Archived++
			continue
		case archive.SystemUnchanged:
			a.Unchanged++
			continue
		case archive.SystemFailed:
			a.Failed++
		case archive.SystemTimedOut:
			a.TimedOut++
		default:
			continue
		}
		if len(a.Failures) < maxFailures {
			a.Failures = append(a.Failures, payload.RunFailure{System: s.Name, Reason: s.Reason})
		}
	}
	return a
}

// runMetrics returns the metrics of a run that has ended.
func runMetrics(a *payload.RunAnswer) []telemetry.Metric {
	ended, failed := telemetry.Count("RunsDone", 1), a.Failed+a.TimedOut
	switch a.State {
	case archive.RunFailed:
		ended = telemetry.Count("RunsFailed", 1)
	case archive.RunCancelled:
		ended, failed = telemetry.Count("RunsCancelled", 1), 0 // no alarm: the person who cancelled the run knows
	}
	return []telemetry.Metric{
		ended, telemetry.Count("SystemsArchived", a.Archived), telemetry.Count("SystemsFailed", failed), telemetry.Bytes("BytesArchived", a.Bytes),
	}
}

func finished(r *archive.Run) payload.RunAnswer {
	a := answer(r, "nothing to do: the forwarder delivers what was archived")
	switch {
	case r.State == archive.RunCancelled:
		a.Next = `start anew with {} when you want to`
	case a.Archived+a.Unchanged == 0:
		a.Next = "nothing was archived: follow the reasons in failures, then start anew with {}"
	case a.Failed+a.TimedOut > 0:
		a.Next = `follow the reasons in failures, then start those with {"systems":["name"]}`
	case a.Archived == 0:
		a.Next = `nothing to do: the appliance has no newer results; {"mode":"latest","force":true} archives them again`
	}
	for _, s := range r.Systems {
		if s.RawKey != "" {
			a.Next += "; see " + path.Dir(s.RawKey) + "/"
			break
		}
	}
	return a
}

func goesOn(r *archive.Run) payload.RunAnswer {
	return answer(r, `wait: the next tick goes on, at the latest until `+payload.Stamp(r.Deadline)+`; {"action":"cancel"} ends it`)
}

func busy(r *archive.Run) payload.RunAnswer {
	next := "wait: another invocation works on it"
	if r.Lease != nil {
		next += ", at the longest until " + payload.Stamp(r.Lease.Until)
	}
	return answer(r, next)
}

func skipped(r *archive.Run) payload.RunAnswer {
	return answer(r, fmt.Sprintf(`not started: run %s is still active, until %s at the latest; {"action":"cancel"} ends it`, r.ID, payload.Stamp(r.Deadline)))
}

func idle(r *archive.Run) payload.RunAnswer {
	return answer(r, "nothing to do: no run is active; {} starts one")
}
