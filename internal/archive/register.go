package archive

import "time"

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

// DocumentSchema returns RegisterSchema.
func (*Register) DocumentSchema() string { return RegisterSchema }

// Commit places a committed scan among those of its system.
type Commit struct {
	Order      Order `json:"order"`
	Generation int   `json:"generation"`
	// ScanID is empty in registers of older releases.
	ScanID string `json:"scanId,omitzero"`
}
