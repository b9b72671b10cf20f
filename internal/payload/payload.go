// Package payload declares the requests to both functions, as the files of events/ show
// them, and the answers that the console, the operator's program and the local stack
// read. Nothing else declares them. It promises that a request with a member that its
// action does not have is refused before anything is done, since the sender wanted less
// or something else, and that an answer has the members of the contract. It does no I/O.
//
// "next" has two meanings, both part of the contract: in an answer it is a sentence that
// says what to do now; in a request it is the "cursor" of an earlier answer.
//
// The answer to check is preflight.Report, beside the steps that fill it in.
package payload

import (
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/fault"
)

// The actions. Start, tick, cancel and capture are the collector's; sweep,
// replay, verify and quarantine the forwarder's; both know check and status.
const (
	Start      = "start"
	Tick       = "tick"
	Cancel     = "cancel"
	Capture    = "capture"
	Sweep      = "sweep"
	Replay     = "replay"
	Verify     = "verify"
	Quarantine = "quarantine"
	Check      = "check"
	Status     = "status"
)

// OfCollector returns the actions that the collector knows.
func OfCollector() []string { return []string{Start, Tick, Status, Cancel, Check, Capture} }

// OfForwarder returns the actions that the forwarder knows.
func OfForwarder() []string { return []string{Sweep, Replay, Verify, Status, Quarantine, Check} }

// Action is a request that has no other member than its action.
type Action struct {
	Action string `json:"action"`
}

// CheckRequest is the forwarder's {"action":"check"}; the collector's has no
// other member than its action.
type CheckRequest struct {
	Action string `json:"action"`
	// SendTestEvent asks for one marked event to be sent, which no dashboard counts.
	SendTestEvent bool `json:"sendTestEvent,omitzero"`
}

// ParseCheck reads a request for the forwarder's check. A member that is not
// known is a fault of class reject.
func ParseCheck(text []byte) (req CheckRequest, err error) {
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return req, reject("cannot be understood: "+Explain(err), `send {"action":"check"} or {"action":"check","sendTestEvent":true}`)
	}
	return req, nil
}

// ParseSweep reads a request for a sweep, which has no other member than its
// action: another one, such as a replay's dryRun, is a fault of class reject.
func ParseSweep(text []byte) (req Action, err error) {
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return req, reject("cannot be understood: "+Explain(err),
			`send {"action":"sweep"}, which delivers all that is open; to choose, or only to count, send a replay, as {"action":"replay","state":"pending","dryRun":true}`)
	}
	return req, nil
}

// reject returns a fault of class reject about a payload.
func reject(what, cure string) error {
	return &fault.Error{Class: fault.Reject, Where: "payload", What: what, Cure: cure}
}

// Stamp writes a time as answers show it: RFC 3339, UTC, whole seconds.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
