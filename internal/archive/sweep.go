package archive

import "time"

// SweepSchema is the schema of the sweep's document.
const SweepSchema = "runecast-sweep/1"

// SweepKey is where sweeps remember what they have seen.
const SweepKey = DeliveryPrefix + "sweep.json"

// Sweep is delivery/sweep.json. It only saves work: a sweep finds every open object
// at its next full look, whatever this document says, and also if it is lost.
type Sweep struct {
	Header
	// From is the day that the next quick look begins with, if that is earlier
	// than usual; zero: as usual.
	From time.Time `json:"from"`
	// UpdatedAt is when a sweep last wrote the document.
	UpdatedAt time.Time `json:"updatedAt"`
	// FullLookAt is when a full look last came to the end of the archive; zero: never.
	FullLookAt time.Time `json:"fullLookAt,omitzero"`
	// Resume is the raw key behind which an unfinished full look goes on; empty: the
	// next full look starts at the beginning.
	Resume string `json:"resume,omitzero"`
	// Ended are digests of groups of raw objects whose deliveries have all
	// ended, the latest seen last. A digest holds the ETags of the raw objects
	// and of their delivery documents, so one change to either makes it another.
	Ended []string `json:"ended,omitzero"`
	// Open are the objects that the last sweep has found open and left open, in the
	// order of their keys, at most 1,000 of them.
	Open []OpenObject `json:"open,omitzero"`
}

// DocumentSchema returns SweepSchema.
func (*Sweep) DocumentSchema() string { return SweepSchema }

// DocumentCure returns what is safe to do about a sweep document that cannot be read.
func (*Sweep) DocumentCure() string {
	return "none is needed: the next sweep looks at the whole archive and writes it anew"
}

// OpenObject is a raw object whose delivery has not ended.
type OpenObject struct {
	Key      string    `json:"key"`
	ETag     string    `json:"etag"`
	StoredAt time.Time `json:"storedAt"`
	// Reason is why the last try of a sweep did not end the delivery.
	Reason string `json:"reason"`
}

// Info returns what a listing says of the object.
func (o *OpenObject) Info() RawInfo {
	return RawInfo{Key: o.Key, ETag: o.ETag, LastModified: o.StoredAt}
}
