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
	// Next is the cursor of an earlier answer: this one goes on where that one ended.
	Next string `json:"next,omitzero"`
}

// QuarantineRequest is the payload {"action":"quarantine", …}: it asks for the
// refused events of one object, by its key, or for the objects that have any,
// by the members of StatusRequest.
type QuarantineRequest struct {
	StatusRequest
	// Key is the key of a raw object.
	Key string `json:"key,omitzero"`
	// Index is the event index, from 0, of the one event that is shown whole; it needs
	// Key. Nil: the first refused events are shown, without their bodies.
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

// parseInspection decodes a request for status or quarantine.
func parseInspection(text []byte, into any) error {
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		return BadInspection("it is not understood (" + Explain(err) + ")")
	}
	return nil
}

// BadInspection returns a fault of class reject about a request for status or quarantine
// that cannot be followed; what says why.
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
	// Objects is the number of raw objects that were looked at.
	Objects int `json:"objects"`
	ScanCounts
	// OldestPending is nil if no object is pending.
	OldestPending *OldestPending `json:"oldestPending"`
	// Systems are sorted by name. Systems with a committed scan are listed even if they
	// have no object in the window.
	Systems []SystemStatus `json:"systems"`
	// Attention lists the newest 50 scans that are failed or pending, had events
	// refused, or whose arrival is short or over.
	Attention []Attention `json:"attention"`
	// AttentionOmitted is how many more scans need a look.
	AttentionOmitted int `json:"attentionOmitted"`
	// Earlier is the number of objects, at most 1,000, whose runs began before the
	// window, which the last sweep left open and which are still open. Attention lists
	// them; no other figure counts them. It is 0 if the request has a cursor.
	Earlier int `json:"earlier"`
	// Cursor goes into the next request's "next"; empty: all was seen.
	Cursor string `json:"cursor"`
	// Next says what to do now.
	Next string `json:"next"`
}

// OldestPending is how long the oldest pending object waits.
type OldestPending struct {
	// Time is when the object was stored.
	Time time.Time `json:"time"`
	// Seconds is how long ago that was.
	Seconds int64 `json:"seconds"`
}

// SystemStatus is what is known of one system.
type SystemStatus struct {
	// System is the name of the system. If no scan of the system was ever committed, it
	// is the slug in the raw keys, and ID and Type are empty. Documents that name no
	// system are counted under "(not named)".
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
	// CompletedAt is when the analysis ended, by the appliance's clock; zero: not known.
	CompletedAt time.Time `json:"completedAt,omitzero"`
	CommittedAt time.Time `json:"committedAt"`
	// AgeHours is the time since CompletedAt, or since CommittedAt if that is not known,
	// rounded to a tenth of an hour.
	AgeHours float64 `json:"ageHours"`
	// Unlicensed is how many rules the appliance had not assessed for want of a
	// licence: no finding shows them, and the posture is over the others.
	Unlicensed int    `json:"unlicensed"`
	RawKey     string `json:"rawKey"`
	// Arrival says whether the rows are in Grail: unknown, proven, short or over; empty
	// if the delivery was not looked at.
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
	// LeaseUntil is when the lease of the delivery ends or ended; nil: there is none.
	LeaseUntil *time.Time `json:"leaseUntil,omitempty"`
	// Arrival is short or over; empty: it is neither.
	Arrival string `json:"arrival,omitzero"`
}

// QuarantineList is the answer to quarantine without a key: the objects of a
// window that have refused events.
type QuarantineList struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Objects is the number of raw objects that were looked at.
	Objects int `json:"objects"`
	// Quarantined is the number of events that Dynatrace refused.
	Quarantined int64 `json:"quarantined"`
	// Attention lists the newest 50 scans that had events refused, AttentionOmitted
	// counts the others.
	Attention        []Attention `json:"attention"`
	AttentionOmitted int         `json:"attentionOmitted"`
	// Cursor goes into the next request's "next"; empty: all was seen.
	Cursor string `json:"cursor"`
	// Next says what to do now.
	Next string `json:"next"`
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
	// Omitted is how many more refused events there are.
	Omitted int `json:"omitted"`
	// Next says what to do now.
	Next string `json:"next"`
}

// RefusedEvent is one refused event.
type RefusedEvent struct {
	// Index is the event index: the event's place in mapping order, from 0.
	Index int64 `json:"index"`
	// Answer is what Dynatrace answered to the event.
	Answer    string `json:"answer"`
	EventType string `json:"eventType"`
	FindingID string `json:"findingId"`
	RuleID    string `json:"ruleId"`
	ObjectID  string `json:"objectId"`
	// Bytes is the length of the event as it was first sent.
	Bytes int `json:"bytes"`
	// Event is the whole event; absent if the request has no index.
	Event jsontext.Value `json:"event,omitempty"`
}
