package archive

import "time"

// Header is what every state document begins with.
type Header struct {
	// Schema is the document's type and version, as "runecast-run/1".
	Schema string `json:"schema"`
	// WriteID is new and random at each write: a writer that got no answer
	// knows its own write by it.
	WriteID string `json:"writeId"`
}

// Head is the header itself: every document that embeds it has one.
func (h *Header) Head() *Header { return h }

// Lease says which invocation works on a document. Leases only avoid waste;
// safety comes from the conditional writes.
type Lease struct {
	// Owner is random per invocation.
	Owner string `json:"owner"`
	// Until is the owner's deadline and a minute, by wall clock.
	Until time.Time `json:"until"`
}

// Live tells whether the lease still holds at a time.
func (l *Lease) Live(now time.Time) bool { return l != nil && now.Before(l.Until) }

// Order places a scan among the scans of its system: by the run's start, then
// by the run's id. The appliance's clock plays no part.
type Order struct {
	StartedAt time.Time `json:"startedAt"`
	Run       string    `json:"run"`
}

// Compare gives -1, 0 or 1 as o is older than, the same as, or newer than p.
func (o Order) Compare(p Order) int {
	if c := o.StartedAt.Compare(p.StartedAt); c != 0 {
		return c
	}
	switch {
	case o.Run < p.Run:
		return -1
	case o.Run > p.Run:
		return 1
	}
	return 0
}

// System is a connected system as the appliance names it.
type System struct {
	// ID is the appliance's identifier: opaque, may hold any character.
	ID string `json:"id"`
	// Name is what the appliance shows.
	Name string `json:"name"`
	// Type is VCENTER, AWS, AZURE, GCP, KUBERNETES_CLUSTER, NSXT, HORIZON, VCD, WINDOWS, LINUX or UNKNOWN.
	Type string `json:"type"`
}

// RunSchema is the schema of a run document.
const RunSchema = "runecast-run/1"

// States of a run.
const (
	RunIdle      = "idle"
	RunRunning   = "running"
	RunDone      = "done"
	RunFailed    = "failed"
	RunCancelled = "cancelled"
)

// States of a system in a run.
const (
	SystemPending    = "pending"
	SystemTriggering = "triggering"
	SystemScanning   = "scanning"
	SystemArchived   = "archived"
	SystemUnchanged  = "unchanged"
	SystemFailed     = "failed"
	SystemTimedOut   = "timedout"
)

// Run is runs/active.json while it goes on, and runs/<id>.json when it ended.
type Run struct {
	Header
	ID        string      `json:"id"`
	Trigger   string      `json:"trigger"` // schedule or console
	Mode      string      `json:"mode"`    // analyze or latest
	State     string      `json:"state"`
	StartedAt time.Time   `json:"startedAt"`
	Deadline  time.Time   `json:"deadline"`
	Lease     *Lease      `json:"lease"`
	Systems   []RunSystem `json:"systems"`
	Appliance Appliance   `json:"appliance,omitzero"`
	// Catalog is the key of the check catalogue that this run archived; may be empty.
	Catalog string `json:"catalog,omitzero"`
	// Last is, per system id, the scan timestamp of its last archived result.
	Last map[string]string `json:"last,omitzero"`
}

// RunSystem is one system's part in a run.
type RunSystem struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	State string `json:"state"`
	// Baseline is the scan timestamp read before the trigger, as the appliance sent it.
	Baseline string `json:"baseline"`
	// Reason says why a system failed or timed out.
	Reason string `json:"reason"`
	RawKey string `json:"rawKey"`
	// Bytes and SHA256 are of the object as stored, compressed.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Watch is kept where the appliance does not tell when a scan is over.
	Watch *Watch `json:"watch,omitzero"`
}

// Watch is what was seen of a scan whose end the appliance does not tell.
type Watch struct {
	// Checks is how many checks the scan before listed; -1: there was none.
	Checks int `json:"checks"`
	// Seen is the key of the last look, and Since when it shows the same.
	Seen  string    `json:"seen"`
	Since time.Time `json:"since"`
}

// DeliverySchema is the schema of a delivery document.
const DeliverySchema = "runecast-delivery/1"

// States of a delivery. All but sending are final for any trigger.
const (
	DeliverySending    = "sending"
	DeliveryComplete   = "complete"
	DeliverySuperseded = "superseded"
	DeliveryFailed     = "failed"
)

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
	// Extra is how many coverage and vulnerability events have gone out.
	Extra int64 `json:"extra,omitzero"`
}

// Generations are those that the delivery's scans are in.
func (d *Delivery) Generations() []Generation {
	if len(d.Scans) == 0 {
		return []Generation{{RawKey: d.RawKey, Number: d.Generation}}
	}
	var all []Generation
	for i := range d.Scans {
		s := &d.Scans[i]
		all = append(all, Generation{RawKey: d.RawKey, System: LabelOf(s.System.ID, s.System.Name).Hash, Number: s.Generation})
	}
	return all
}

// SystemScan is one system's part in a document of several.
type SystemScan struct {
	System System `json:"system"`
	Scan
}

// Final tells whether a trigger has nothing left to do.
func (s *Scan) Final() bool {
	return s.State == DeliveryComplete || s.State == DeliverySuperseded || s.State == DeliveryFailed
}

// Delivery is delivery/<raw key>.json.
type Delivery struct {
	Header
	RawKey string `json:"rawKey"`
	ETag   string `json:"etag"`
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
	// Expired counts the leases in a row that were not given back.
	Expired   int       `json:"expired,omitzero"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// RegisterSchema is the schema of a commit register.
const RegisterSchema = "runecast-system/1"

// Register is systems/<hash>.json: the newest committed scan of a system.
type Register struct {
	Header
	System     System `json:"system"`
	Order      Order  `json:"order"`
	Generation int    `json:"generation"`
	ScanID     string `json:"scanId"`
	RawKey     string `json:"rawKey"`
	// Timestamp is reserved for the scan-completed event: it grows with every commit.
	Timestamp time.Time `json:"timestamp"`
	// CompletedAt is when the appliance finished the scan, as it said.
	CompletedAt time.Time `json:"completedAt"`
	CommittedAt time.Time `json:"committedAt"`
	// Before is the newest commit before this one: what counts if the delivery
	// of this one fails. Zero: there was none.
	Before Commit `json:"before,omitzero"`
}

// Commit places a committed scan among those of its system.
type Commit struct {
	Order      Order `json:"order"`
	Generation int   `json:"generation"`
	// ScanID is empty in registers of older releases.
	ScanID string `json:"scanId,omitzero"`
}
