package archive

import "time"

// DeliverySchema is the schema of a delivery document.
const DeliverySchema = "runecast-delivery/1"

// States of a delivery. All but sending are final for any trigger.
const (
	DeliverySending    = "sending"
	DeliveryComplete   = "complete"
	DeliverySuperseded = "superseded"
	DeliveryFailed     = "failed"
)

// DeliveryPending is in no document: requests and answers call so what has not
// ended, whether or not it was begun.
const DeliveryPending = "pending"

// Final reports whether a delivery's state leaves a trigger nothing to do. A
// state that is not known, or empty, is not final.
func Final(state string) bool {
	return state == DeliveryComplete || state == DeliverySuperseded || state == DeliveryFailed
}

// Scan is the delivery of one system's scan.
type Scan struct {
	Order Order `json:"order"`
	// ScanID is random per generation; all findings of a generation carry it.
	ScanID     string `json:"scanId"`
	Generation int    `json:"generation"`
	State      string `json:"state"`
	// Doubt: it cannot be known which events of this generation were accepted.
	Doubt bool `json:"doubt"`
	// Done are the event indexes [from, to) accepted or quarantined in this generation.
	Done               [][2]int64 `json:"done"`
	Mapped             int64      `json:"mapped"`
	Accepted           int64      `json:"accepted"`
	Quarantined        int64      `json:"quarantined"`
	Skipped            int64      `json:"skipped"`
	Requests           int64      `json:"requests"`
	Bytes              int64      `json:"bytes"`
	DuplicatesPossible bool       `json:"duplicatesPossible"`
	Force              bool       `json:"force"`
	// Over is the scan id of the commit that stood when it was forced: of newer
	// ones it may replace only that. Empty: there was none.
	Over   string `json:"over,omitzero"`
	Reason string `json:"reason"`
	// Reserved: the register was written for this generation, or may have been.
	// Should it name another scan, this generation is not committed again.
	Reserved bool `json:"reserved,omitzero"`
	// Announced: its scan event was accepted, and coverage or vulnerabilities
	// follow. Should these fail, the commit stands all the same.
	Announced bool `json:"committed,omitzero"`
	// Extra is how many coverage and vulnerability events are accepted or quarantined.
	Extra int64 `json:"extra,omitzero"`
	// Extras says more of these events; nil: none of them was begun.
	Extras *Extras `json:"extras,omitzero"`
	// RefusedWhole counts the generations in a row of which nothing was accepted.
	RefusedWhole int `json:"refusedWhole,omitzero"`
	// BegunAt is when the generation was begun, before its first row was sent.
	// Zero in documents of older releases.
	BegunAt time.Time `json:"begunAt,omitzero"`
	// Timestamp is that of the scan event, once it is accepted; CompletedAt is
	// when the appliance finished the scan, as it said: what the register says of
	// the scan, should that be lost. Zero in documents of older releases.
	Timestamp   time.Time `json:"timestamp,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
	// Ended is how an earlier generation ended, if that is known for sure: the
	// last one that did. Zero: none.
	Ended Ended `json:"ended,omitzero"`
	// Arrival is whether the rows of this generation are in Grail; nil: its scan
	// event is not accepted yet, or an older release sent it.
	Arrival *Arrival `json:"arrival,omitzero"`
}

// Extras are the coverage and vulnerability events of a scan. Their event
// indexes follow those of its findings.
type Extras struct {
	// From is the event index of the first.
	From int64 `json:"from"`
	// Quarantined of them; the scan's own figure includes these.
	Quarantined int64 `json:"quarantined,omitzero"`
}

// Ended is how a generation ended.
type Ended struct {
	ScanID string `json:"scanId"`
	// State is complete or failed.
	State string `json:"state"`
	// Timestamp is that of its scan event, if that was accepted.
	Timestamp time.Time `json:"timestamp,omitzero"`
}

// SystemScan is one system's part in a document of several.
type SystemScan struct {
	System System `json:"system"`
	Scan
}

// Final reports whether a trigger has nothing left to do.
func (s *Scan) Final() bool { return Final(s.State) }

// Shown returns the state as answers show it: complete, superseded, failed or pending.
func (s *Scan) Shown() string {
	if s.Final() {
		return s.State
	}
	return DeliveryPending
}

// Delivery is delivery/<raw key>.json.
type Delivery struct {
	Header
	RawKey string `json:"rawKey"`
	ETag   string `json:"etag"`
	// System is that of the scan, if a hand-made document holds one: the key of an
	// analysis names its system. Zero in documents of older releases.
	System System `json:"system,omitzero"`
	Scan
	// Scans are the parts of a hand-made document of several systems; the
	// inline scan then sums them up.
	Scans []SystemScan `json:"scans,omitzero"`
	// Mapping is a hash of the mapping's version and settings: event indexes
	// mean the same only under the same hash.
	Mapping string `json:"mapping"`
	Lease   *Lease `json:"lease"`
	// Replay is the id of the job, or of the call, that asked last to send it again; empty: nobody did.
	Replay string `json:"replay,omitzero"`
	// MaxEventsPerSecond is the pace that a replay asked for, whoever goes on with
	// it; 0: none. PacedUntil is when the next events may go out.
	MaxEventsPerSecond float64   `json:"maxEventsPerSecond,omitzero"`
	PacedUntil         time.Time `json:"pacedUntil,omitzero"`
	// Expired counts the leases in a row that were not given back.
	Expired   int       `json:"expired,omitzero"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// DocumentSchema returns DeliverySchema.
func (*Delivery) DocumentSchema() string { return DeliverySchema }

// DocumentCure returns what is safe to do about a delivery document that cannot be read.
func (*Delivery) DocumentCure() string {
	return "delete it, and never restore an earlier version, which does not know what was sent since: the next sweep delivers the object in a new generation, or ends it as superseded"
}
