package collect

import (
	"encoding/json"
	"fmt"
	"path"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/telemetry"
)

// maxFailures bounds the list in an answer; the run document has all.
const maxFailures = 100

// Answer is what the console shows after an invocation.
type Answer struct {
	// Run is the run's id; empty before the first.
	Run string `json:"run"`
	// State is running, done, failed, cancelled or idle.
	State     string `json:"state"`
	Systems   int    `json:"systems"`
	Archived  int    `json:"archived"`
	Unchanged int    `json:"unchanged"`
	Failed    int    `json:"failed"`
	TimedOut  int    `json:"timedout"`
	// Bytes of the archived objects as stored, compressed.
	Bytes int64 `json:"bytes"`
	// Failures are the first hundred systems that failed or timed out.
	Failures []Failure `json:"failures"`
	// Open and Runs are in the answer to status only: the first hundred systems
	// that the active run still works on, and the last ten runs, newest first.
	Open []OpenSystem `json:"open,omitempty"`
	Runs []PastRun    `json:"runs,omitempty"`
	// Next says what to do now.
	Next string `json:"next"`
	// Notice is there when this invocation has ended a run, not always the one of this answer.
	Notice *Notice `json:"notice,omitempty"`
	// Preflight is what check or capture found; it is shown in place of all else.
	Preflight any `json:"-"`
}

// MarshalJSON writes the state of a run, or what check or capture found.
func (a Answer) MarshalJSON() ([]byte, error) {
	if a.Preflight != nil {
		return json.Marshal(a.Preflight)
	}
	type run Answer
	return json.Marshal(run(a))
}

// Failure is one system that was not archived.
type Failure struct {
	System string `json:"system"`
	Reason string `json:"reason"`
}

// answer sums up a run.
func answer(r *archive.Run, next string) Answer {
	a := Answer{Run: r.ID, State: r.State, Systems: len(r.Systems), Failures: []Failure{}, Next: next}
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
			a.Failures = append(a.Failures, Failure{System: s.Name, Reason: s.Reason})
		}
	}
	return a
}

// outcome counts what a run came to.
func outcome(a *Answer) []telemetry.Metric {
	ended := telemetry.Count("RunsDone", 1)
	switch a.State {
	case archive.RunFailed:
		ended = telemetry.Count("RunsFailed", 1)
	case archive.RunCancelled:
		ended = telemetry.Count("RunsCancelled", 1)
	}
	return []telemetry.Metric{
		ended, telemetry.Count("SystemsArchived", a.Archived), telemetry.Count("SystemsFailed", a.Failed+a.TimedOut), telemetry.Bytes("BytesArchived", a.Bytes),
	}
}

func finished(r *archive.Run) Answer {
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

func goesOn(r *archive.Run) Answer {
	return answer(r, `wait: the next tick goes on, at the latest until `+stamp(r.Deadline)+`; {"action":"cancel"} ends it`)
}

func busy(r *archive.Run) Answer {
	next := "wait: another invocation works on it"
	if r.Lease != nil {
		next += ", at the longest until " + stamp(r.Lease.Until)
	}
	return answer(r, next)
}

func skipped(r *archive.Run) Answer {
	return answer(r, fmt.Sprintf(`not started: run %s is still active, until %s at the latest; {"action":"cancel"} ends it`, r.ID, stamp(r.Deadline)))
}

func idle(r *archive.Run) Answer {
	return answer(r, "nothing to do: no run is active; {} starts one")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
