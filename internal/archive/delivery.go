package archive

import "time"

// DeliverySchema is the schema of a delivery document.
const DeliverySchema = "runecast-delivery/1"

// States of a delivery. All but sending are final: nothing is left to do when the
// forwarder is called for the object.
const (
	DeliverySending    = "sending"
	DeliveryComplete   = "complete"
	DeliverySuperseded = "superseded"
	DeliveryFailed     = "failed"
)

// DeliveryPending is the state that requests and answers give to a delivery that
// has not ended, whether or not it was begun. It is in no document.
const DeliveryPending = "pending"

// Final reports whether a delivery in this state has ended. A state that is not
// known, or empty, is not final.
func Final(state string) bool {
	return state == DeliveryComplete || state == DeliverySuperseded || state == DeliveryFailed
}

// Scan is the delivery of one system's scan.
type Scan struct {
	Order Order `json:"order"`
	// ScanID is random per generation; all findings of a generation carry it.
	ScanID string `json:"scanId"`
	// Generation is the number of the generation; it only grows.
	Generation int `json:"generation"`
	// State is sending, complete, superseded or failed; empty: nothing was begun.
	State string `json:"state"`
	// Doubt: it cannot be known which events of this generation were accepted.
	Doubt bool `json:"doubt"`
	// Done are the event indexes [from, to) accepted or quarantined in this generation.
	Done [][2]int64 `json:"done"`
	// Mapped, Accepted, Quarantined and Skipped are numbers of events. Once a generation
	// is complete, Mapped is the sum of the others. Skipped counts the events that the
	// settings leave out.
	Mapped      int64 `json:"mapped"`
	Accepted    int64 `json:"accepted"`
	Quarantined int64 `json:"quarantined"`
	Skipped     int64 `json:"skipped"`
	// Requests counts the requests that were made, Bytes the bytes of the batches that
	// were accepted.
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
	// DuplicatesPossible: a batch in doubt, or a request with extras, was sent again.
	DuplicatesPossible bool `json:"duplicatesPossible"`
	// Force: the delivery may replace the newer commit that Over names.
	Force bool `json:"force"`
	// Over is the scan id of the commit that was the system's newest when this
	// delivery was forced. It is the only newer commit that this delivery may replace.
	// Empty: there was none.
	Over string `json:"over,omitzero"`
	// Reason says for a person why the delivery is not complete.
	Reason string `json:"reason"`
	// Reserved: the register was written for this generation, or may have been. If
	// the register names another scan, this generation is not committed again.
	Reserved bool `json:"reserved,omitzero"`
	// Announced: the scan event of this generation was accepted, and coverage or
	// vulnerabilities follow. If these fail, the commit stays as it is.
	Announced bool `json:"committed,omitzero"`
	// Extra is how many coverage and vulnerability events are accepted or quarantined.
	Extra int64 `json:"extra,omitzero"`
	// Extras says more about the coverage and vulnerability events; nil: the sending
	// of them has not begun.
	Extras *Extras `json:"extras,omitzero"`
	// RefusedWhole counts the generations in a row of which no event was accepted.
	RefusedWhole int `json:"refusedWhole,omitzero"`
	// BegunAt is when the generation was begun, before its first row was sent.
	// Zero in documents of older releases.
	BegunAt time.Time `json:"begunAt,omitzero"`
	// Timestamp is that of the scan event, once the event is accepted; CompletedAt is
	// when the appliance finished the scan, as it said. Both stand in for what the
	// register says of the scan if the register is lost. Zero in documents of older
	// releases.
	Timestamp   time.Time `json:"timestamp,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
	// Ended is how the last earlier generation ended of which the end is known for
	// sure. Zero: there is none.
	Ended Ended `json:"ended,omitzero"`
	// Arrival is whether the rows of this generation are in Grail; nil: its scan
	// event is not accepted yet, or an older release sent it.
	Arrival *Arrival `json:"arrival,omitzero"`
}

// Extras are the coverage and vulnerability events of a scan. Their event
// indexes follow those of its findings.
type Extras struct {
	// From is the event index of the first of these events.
	From int64 `json:"from"`
	// Quarantined is how many of these events are in quarantine. Scan.Quarantined
	// includes them.
	Quarantined int64 `json:"quarantined,omitzero"`
}

// Ended is how a generation ended.
type Ended struct {
	ScanID string `json:"scanId"`
	// State is complete or failed.
	State string `json:"state"`
	// Timestamp is that of the generation's scan event; zero: none was accepted.
	Timestamp time.Time `json:"timestamp,omitzero"`
}

// SystemScan is the delivery of one system's scan in a document of several systems.
type SystemScan struct {
	System System `json:"system"`
	Scan
}

// Final reports whether the delivery of the scan has ended.
func (s *Scan) Final() bool { return Final(s.State) }

// Shown returns the state as answers show it: complete, superseded, failed or pending.
func (s *Scan) Shown() string {
	if s.Final() {
		return s.State
	}
	return DeliveryPending
}

// Delivery is delivery/<raw key>.json: the state of the delivery of a raw object.
type Delivery struct {
	Header
	// RawKey and ETag name the version of the raw object that is delivered.
	RawKey string `json:"rawKey"`
	ETag   string `json:"etag"`
	// System is the scan's system in a hand-made document of one system. Zero for an
	// analysis, whose key names its system, and in documents of older releases.
	System System `json:"system,omitzero"`
	Scan
	// Scans are the deliveries of the systems in a hand-made document of several
	// systems; the embedded Scan then has their sums.
	Scans []SystemScan `json:"scans,omitzero"`
	// Mapping is a hash of the mapping's version and settings: event indexes
	// mean the same only under the same hash.
	Mapping string `json:"mapping"`
	Lease   *Lease `json:"lease"`
	// Replay is the id of the job, or of the call, that last asked to send the object
	// again; empty: nobody asked.
	Replay string `json:"replay,omitzero"`
	// MaxEventsPerSecond is the pace that a replay asked for, which every invocation
	// keeps that goes on with it; 0: none. PacedUntil is when the next events may go out.
	MaxEventsPerSecond float64   `json:"maxEventsPerSecond,omitzero"`
	PacedUntil         time.Time `json:"pacedUntil,omitzero"`
	// Expired counts the leases in a row that ran out without being given back.
	Expired   int       `json:"expired,omitzero"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// DocumentSchema returns DeliverySchema.
func (*Delivery) DocumentSchema() string { return DeliverySchema }

// DocumentCure returns what is safe to do about a delivery document that cannot be read.
func (*Delivery) DocumentCure() string {
	return "delete it, and never restore an earlier version, which does not know what was sent since: the next sweep delivers the object in a new generation, or ends it as superseded"
}
