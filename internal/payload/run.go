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
	// Force archives in mode latest what was archived before.
	Force bool `json:"force,omitzero"`
	// ScheduledTime is the schedule's own time, RFC 3339: a start event that
	// is delivered twice is one run.
	ScheduledTime string `json:"scheduledTime,omitzero"`
}

// ParseRun reads a request to the collector and fills in what was left out. A
// member, an action, a mode or a time that is not known is a fault of class
// reject, and so is a member of a start beside another action: a cancel that names
// systems would end the whole run. So is force beside an analysis, which archives what
// it finds in any case, and a member without a value, such as a list of systems that
// names none. A scheduled time beside another action means nothing, and is taken: a
// schedule of one's own may send it.
func ParseRun(text []byte) (RunRequest, error) {
	var req RunRequest
	if text = bytes.TrimSpace(text); len(text) > 0 {
		if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
			return req, badRun("it is not understood (" + Wrong(err) + ")")
		}
	}
	req.Action = cmp.Or(req.Action, Start)
	if !slices.Contains(OfCollector(), req.Action) {
		return req, badRun(fmt.Sprintf("the action %q is not known", req.Action))
	}
	if req.Action != Start && (req.Systems != nil || req.Mode != "" || req.Force) {
		return req, badRun(fmt.Sprintf("systems, mode and force belong to a start, and %s has none of them", req.Action))
	}
	if err := saysNothing(text); err != nil {
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

// Scheduled returns the time that the schedule meant; zero: a person asked.
func (r *RunRequest) Scheduled() (time.Time, error) {
	if r.ScheduledTime == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, r.ScheduledTime)
	return at.UTC(), err
}

func badRun(what string) error {
	return reject("cannot be used, "+what,
		`send {} or {"action":"start","systems":["name"],"mode":"analyze|latest"}, {"action":"start","mode":"latest","force":true}, {"action":"tick"}, {"action":"status"}, {"action":"cancel"}, {"action":"check"} or {"action":"capture"}`)
}

// RunAnswer is what the collector answers to start, tick, status and cancel.
type RunAnswer struct {
	// Run is the run's id; empty before the first.
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
	// Notice is there when this invocation has ended a run, not always the one of this answer.
	Notice *RunNotice `json:"notice,omitempty"`
}

// RunCounts are a run's systems by how they ended, those still open in Systems only.
type RunCounts struct {
	Systems   int `json:"systems"`
	Archived  int `json:"archived"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	TimedOut  int `json:"timedout"`
	// Bytes of the archived objects as stored, compressed.
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
	// Reason is what was seen last of it; may be empty.
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
	// Failures are the first ten.
	Failures []RunFailure `json:"failures"`
}

// RunNotice is the message to people about a run that has ended: how many
// systems were archived, and of which there is something to say, above all that
// they were not. What the results say is the forwarder's notice, package notice.
type RunNotice struct {
	// Title is one line, Text the whole message.
	Title string `json:"title"`
	Text  string `json:"text"`
	Run   string `json:"run"`
	// State is done, partly failed, failed or cancelled.
	State string `json:"state"`
}
