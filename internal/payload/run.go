package payload

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// The modes of a run that can be asked for.
const (
	Analyze = archive.ModeAnalyze
	Latest  = archive.ModeLatest
)

// RunRequest is a request to the collector. An empty payload, and {}, start a
// run over all systems.
type RunRequest struct {
	// Action is start, tick, status, cancel, check or capture.
	Action string `json:"action"`
	// Systems limits the run to these names or ids.
	Systems []string `json:"systems,omitempty"`
	// Mode is analyze or latest.
	Mode string `json:"mode,omitzero"`
	// Force archives, in mode latest, also results that were archived before.
	Force bool `json:"force,omitzero"`
	// ScheduledTime is the schedule's own time, RFC 3339: a start event that
	// is delivered twice is one run.
	ScheduledTime string `json:"scheduledTime,omitzero"`
}

// ParseRun reads a request to the collector and fills in the defaults. These are faults
// of class reject: an unknown member, action or mode; a scheduledTime that is not RFC
// 3339; systems, mode or force beside another action than start, since a cancel that
// names systems would end the whole run; force without the mode latest, since an
// analysis archives its results in any case; a member without a value, as an empty list
// of systems. A scheduledTime beside another action is accepted and ignored: a schedule
// of the user's may send it.
func ParseRun(text []byte) (RunRequest, error) {
	var req RunRequest
	if text = bytes.TrimSpace(text); len(text) > 0 {
		if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
			return req, badRun("it is not understood (" + Explain(err) + ")")
		}
	}
	req.Action = cmp.Or(req.Action, Start)
	if !slices.Contains(OfCollector(), req.Action) {
		return req, badRun(fmt.Sprintf("the action %q is not known", req.Action))
	}
	if req.Action != Start && (req.Systems != nil || req.Mode != "" || req.Force) {
		return req, badRun(fmt.Sprintf("systems, mode and force belong to a start, and %s has none of them", req.Action))
	}
	if err := checkValues(text); err != nil {
		return req, err
	}
	req.Mode = cmp.Or(req.Mode, Analyze)
	if req.Mode != Analyze && req.Mode != Latest {
		return req, badRun(fmt.Sprintf("the mode %q is not known", req.Mode))
	}
	if req.Force && req.Mode != Latest {
		return req, reject("cannot be used, force belongs to the mode latest: an analysis archives what it finds in any case",
			`leave force out, or send {"action":"start","mode":"latest","force":true}, which archives again what the appliance has`)
	}
	if _, err := req.Scheduled(); err != nil {
		return req, badRun("scheduledTime is not a time in RFC 3339")
	}
	return req, nil
}

// Scheduled returns ScheduledTime in UTC; zero: the request has none.
func (r *RunRequest) Scheduled() (time.Time, error) {
	if r.ScheduledTime == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, r.ScheduledTime)
	return at.UTC(), err
}

// badRun returns a fault of class reject about a request to the collector.
func badRun(what string) error {
	return reject("cannot be used, "+what,
		`send {} or {"action":"start","systems":["name"],"mode":"analyze|latest"}, {"action":"start","mode":"latest","force":true}, {"action":"tick"}, {"action":"status"}, {"action":"cancel"}, {"action":"check"} or {"action":"capture"}`)
}

// RunAnswer is the collector's answer to start, tick, status and cancel.
type RunAnswer struct {
	// Run is the run's id; empty before the first run.
	Run string `json:"run"`
	// State is running, done, failed, cancelled or idle.
	State string `json:"state"`
	RunCounts
	// Failures are the first hundred systems that failed or timed out.
	Failures []RunFailure `json:"failures"`
	// Open and Runs are in the answer to status only: the first hundred systems
	// that the active run still works on, and the last ten runs, newest first.
	Open []OpenSystem `json:"open,omitempty"`
	Runs []PastRun    `json:"runs,omitempty"`
	// Next says what to do now.
	Next string `json:"next"`
	// Notice is the message about the run that this invocation has ended, which may be
	// another than Run; nil: it ended none.
	Notice *RunNotice `json:"notice,omitempty"`
}

// RunCounts are the numbers of a run's systems by how they ended. Systems counts all,
// also those that are still open.
type RunCounts struct {
	Systems   int `json:"systems"`
	Archived  int `json:"archived"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	TimedOut  int `json:"timedout"`
	// Bytes is the size of the archived objects as stored, compressed.
	Bytes int64 `json:"bytes"`
}

// RunFailure is one system that was not archived.
type RunFailure struct {
	System string `json:"system"`
	Reason string `json:"reason"`
}

// OpenSystem is a system that the active run still works on.
type OpenSystem struct {
	System string `json:"system"`
	// State is pending, triggering or scanning.
	State string `json:"state"`
	// Reason is the last remark about the system, such as an error; may be empty.
	Reason string `json:"reason"`
}

// PastRun sums up a finished run.
type PastRun struct {
	Run string `json:"run"`
	// State is done, failed, cancelled, or unreadable if its document is.
	State     string    `json:"state"`
	Trigger   string    `json:"trigger"` // schedule or console
	Mode      string    `json:"mode"`    // analyze or latest
	StartedAt time.Time `json:"startedAt"`
	RunCounts
	// Failures are the first ten systems that failed or timed out.
	Failures []RunFailure `json:"failures"`
}

// RunNotice is the message to people about a run that has ended: how many systems were
// archived, and which were not, or need a look. The notice about the results is the
// forwarder's; see package notice.
type RunNotice struct {
	// Title is one line, Text the whole message.
	Title string `json:"title"`
	Text  string `json:"text"`
	Run   string `json:"run"`
	// State is done, partly failed, failed or cancelled.
	State string `json:"state"`
}
