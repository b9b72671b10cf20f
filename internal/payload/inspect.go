package payload

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// StatusRequest is the payload {"action":"status", …} of the forwarder: which
// raw objects are looked at. All members are optional.
type StatusRequest struct {
	// Since and Until bound when a run started, for hand-made documents when
	// they were uploaded: RFC 3339, or a date, UTC. The default is the last 7 days,
	// with a prefix all time. An Until that is a date includes that day.
	Since string `json:"since,omitzero"`
	Until string `json:"until,omitzero"`
	// System is the name or the id of the only system.
	System string `json:"system,omitzero"`
	// Prefix is how the keys of the objects begin.
	Prefix string `json:"prefix,omitzero"`
	// Limit is how many objects are looked at: 10,000 by default, 100,000 at most.
	Limit int `json:"limit,omitzero"`
	// Next is the cursor of an earlier answer: goes on where that one ended.
	Next string `json:"next,omitzero"`
}

// QuarantineRequest is the payload {"action":"quarantine", …}: it asks for the
// refused events of one object, by its key, or for the objects that have any,
// by the members of StatusRequest.
type QuarantineRequest struct {
	StatusRequest
	// Key is a raw object's.
	Key string `json:"key,omitzero"`
	// Index is of the one event to be shown whole; it needs Key.
	Index *int64 `json:"index,omitempty"`
}

// ParseStatus reads a request for status. A member that is not known, or of
// another type, is a fault of class reject.
func ParseStatus(text []byte) (StatusRequest, error) {
	var req struct {
		Action
		StatusRequest
	}
	err := parseInspection(text, &req)
	return req.StatusRequest, err
}

// ParseQuarantine reads a request for refused events, as ParseStatus does.
func ParseQuarantine(text []byte) (QuarantineRequest, error) {
	var req struct {
		Action
		QuarantineRequest
	}
	err := parseInspection(text, &req)
	return req.QuarantineRequest, err
}

func parseInspection(text []byte, into any) error {
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		return BadInspection("it is not understood (" + Wrong(err) + ")")
	}
	return nil
}

// BadInspection returns the error about a request for status or quarantine that
// cannot be followed.
func BadInspection(what string) error {
	return reject("cannot be used: "+what,
		`send {"action":"status"} or {"action":"quarantine"}, with any of "since", "until" (times in RFC 3339 or dates), "system", "prefix", "limit" and "next" (the cursor of an earlier answer); `+
			`{"action":"quarantine","key":"raw/…","index":7} shows one refused event`)
}

// ScanCounts are scans by the state of their delivery. An archived object is one
// scan; a hand-made document may hold several.
type ScanCounts struct {
	Complete   int `json:"complete"`
	Superseded int `json:"superseded"`
	Failed     int `json:"failed"`
	Pending    int `json:"pending"`
	// Quarantined counts events that the endpoint refused.
	Quarantined int64 `json:"quarantined"`
}

// StatusAnswer is the answer to status.
type StatusAnswer struct {
	// Since and Until are the window; Until itself is not in it.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Objects is the number of raw objects seen.
	Objects int `json:"objects"`
	ScanCounts
	// OldestPending is nil if nothing waits.
	OldestPending *OldestPending `json:"oldestPending"`
	// Systems are sorted by name; those that are committed but have no object
	// in the window, too.
	Systems []SystemStatus `json:"systems"`
	// Attention lists the newest 50 scans that are failed or pending, had events
	// refused, or of which rows are missing in Grail, or there too often.
	Attention        []Attention `json:"attention"`
	AttentionOmitted int         `json:"attentionOmitted"`
	// Earlier are the objects of before the window that the last sweep left
	// open and that are still open, at most 1,000: pending, too, but in no other
	// figure. Attention lists them. Only an answer without a cursor's "next" has them.
	Earlier int `json:"earlier"`
	// Cursor goes into the next request's "next"; empty: all was seen.
	Cursor string `json:"cursor"`
	// Next says what to do now.
	Next string `json:"next"`
}

// OldestPending is how long the oldest pending object waits.
type OldestPending struct {
	// Time is when it was stored.
	Time    time.Time `json:"time"`
	Seconds int64     `json:"seconds"`
}

// SystemStatus is what is known of one system.
type SystemStatus struct {
	// System is its name; of one that was never committed what its keys show
	// of it, without id and type. Documents that name no system are one entry,
	// "(not named)".
	System string `json:"system"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	// Committed is the scan that the dashboard shows; nil: none.
	Committed *CommittedScan `json:"committed"`
	ScanCounts
}

// CommittedScan is the newest committed scan of a system.
type CommittedScan struct {
	Run        string `json:"run"`
	ScanID     string `json:"scanId"`
	Generation int    `json:"generation"`
	// CompletedAt is when the appliance finished it, as it said.
	CompletedAt time.Time `json:"completedAt,omitzero"`
	CommittedAt time.Time `json:"committedAt"`
	// AgeHours is since CompletedAt, or CommittedAt if that is not known.
	AgeHours float64 `json:"ageHours"`
	// Unlicensed is how many rules the appliance had not assessed for want of a
	// licence: no finding shows them, and the posture is over the others.
	Unlicensed int    `json:"unlicensed"`
	RawKey     string `json:"rawKey"`
	// Arrival says whether its rows are in Grail: unknown, proven, short or over;
	// empty if its delivery was not looked at.
	Arrival string `json:"arrival,omitzero"`
}

// Attention is a scan that needs a look, or a commit register.
type Attention struct {
	Key    string `json:"key"`
	System string `json:"system"`
	// State is complete, superseded, failed or pending; of a commit register
	// that cannot be read "unreadable".
	State       string `json:"state"`
	Reason      string `json:"reason"`
	Generation  int    `json:"generation"`
	Quarantined int64  `json:"quarantined"`
	// Doubt: it cannot be known which events of this generation were accepted.
	Doubt bool `json:"doubt"`
	// LeaseUntil is until when an invocation holds it, or held it.
	LeaseUntil *time.Time `json:"leaseUntil,omitempty"`
	// Arrival is short or over; empty: it is neither.
	Arrival string `json:"arrival,omitzero"`
}

// QuarantineList is the answer to quarantine without a key: the objects of a
// window that have refused events.
type QuarantineList struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Objects is the number of raw objects seen.
	Objects     int   `json:"objects"`
	Quarantined int64 `json:"quarantined"`
	// Attention lists the newest 50 scans that had events refused.
	Attention        []Attention `json:"attention"`
	AttentionOmitted int         `json:"attentionOmitted"`
	Cursor           string      `json:"cursor"`
	Next             string      `json:"next"`
}

// QuarantineAnswer is the answer to quarantine with a key: what was refused of
// one object.
type QuarantineAnswer struct {
	Key string `json:"key"`
	// Generation is the one whose events are shown: the last.
	Generation int `json:"generation"`
	// State is complete, superseded, failed or pending.
	State   string         `json:"state"`
	Refused []RefusedEvent `json:"refused"`
	// Omitted is how many more there are.
	Omitted int    `json:"omitted"`
	Next    string `json:"next"`
}

// RefusedEvent is one refused event.
type RefusedEvent struct {
	// Index is its place in mapping order.
	Index int64 `json:"index"`
	// Answer is what the endpoint said.
	Answer    string `json:"answer"`
	EventType string `json:"eventType"`
	FindingID string `json:"findingId"`
	RuleID    string `json:"ruleId"`
	ObjectID  string `json:"objectId"`
	// Bytes of the event as it was sent first.
	Bytes int `json:"bytes"`
	// Event is the event itself, where one was asked for.
	Event jsontext.Value `json:"event,omitempty"`
}
