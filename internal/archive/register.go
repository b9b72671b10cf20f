package archive

import "time"

// RegisterSchema is the schema of a register.
const RegisterSchema = "runecast-system/1"

// Register is systems/<hash>.json: the newest committed scan of a system.
type Register struct {
	Header
	System     System `json:"system"`
	Order      Order  `json:"order"`
	Generation int    `json:"generation"`
	ScanID     string `json:"scanId"`
	RawKey     string `json:"rawKey"`
	// Timestamp is reserved for the scan event: it grows with every commit.
	Timestamp time.Time `json:"timestamp"`
	// CompletedAt is when the appliance finished the scan, as it said.
	CompletedAt time.Time `json:"completedAt"`
	CommittedAt time.Time `json:"committedAt"`
	// Unlicensed is how many rules the appliance had not assessed for want of a
	// licence. 0 also in registers of older releases.
	Unlicensed int `json:"unlicensed,omitzero"`
	// Before is the newest commit before this one. It counts if the delivery of this
	// one fails. Zero: there was none.
	Before Commit `json:"before,omitzero"`
	// Earlier are the commits before Before, the newest first. They are kept as long
	// as it is not known that a later one is shown. Mostly there are none.
	Earlier []Commit `json:"earlier,omitzero"`
}

// DocumentSchema returns RegisterSchema.
func (*Register) DocumentSchema() string { return RegisterSchema }

// DocumentCure returns what is safe to do about a register document that cannot be read.
func (*Register) DocumentCure() string {
	return "delete it when no delivery of the system is under way: which scan of the system is shown is then read from the delivery documents; replaying the system writes the register anew"
}

// Commit places a committed scan among those of its system.
type Commit struct {
	Order      Order `json:"order"`
	Generation int   `json:"generation"`
	// ScanID is empty in registers of older releases.
	ScanID string `json:"scanId,omitzero"`
	// RawKey and CompletedAt are what the register said when this commit was the
	// newest. Zero in registers of older releases.
	RawKey      string    `json:"rawKey,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
}

// Commits returns the commits that the register knows, the newest first. The newest
// has no later CompletedAt than its CommittedAt, since a scan is finished before it
// is committed, even if the appliance's clock is ahead.
func (r *Register) Commits() []Commit {
	var all []Commit
	if r.ScanID != "" || r.Order != (Order{}) {
		one := Commit{Order: r.Order, Generation: r.Generation, ScanID: r.ScanID, RawKey: r.RawKey, CompletedAt: r.CompletedAt}
		if !r.CommittedAt.IsZero() && r.CommittedAt.Before(one.CompletedAt) {
			one.CompletedAt = r.CommittedAt
		}
		all = append(all, one)
	}
	if r.Before != (Commit{}) {
		all = append(all, r.Before)
	}
	return append(all, r.Earlier...)
}
