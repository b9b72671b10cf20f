package archive

import "time"

// States of an arrival.
const (
	// ArrivalUnknown: Grail has not said anything that can be relied on.
	ArrivalUnknown = "unknown"
	// ArrivalProven: every row and the scan event are there, each row once.
	ArrivalProven = "proven"
	// ArrivalShort: rows are missing, or the scan event is.
	ArrivalShort = "short"
	// ArrivalOver: nothing is missing, and more rows are there than were accepted.
	ArrivalOver = "over"
)

// Arrival is what is known of a committed scan's rows in Grail. Dynatrace answers
// 202 before it stores an event, so only a query shows that it is there. Rows
// are findings; coverage and vulnerabilities are not counted.
type Arrival struct {
	// State is unknown, proven, short or over.
	State string `json:"state"`
	// Reason explains a state other than proven to a person.
	Reason string `json:"reason,omitzero"`
	// Expected is how many findings of this generation were accepted.
	Expected int64 `json:"expected"`
	// Rows are the findings that were sent, by status. Their sum is Expected plus
	// the findings in quarantine.
	Rows map[string]int64 `json:"rows,omitzero"`
	// Indexed is how many rows Grail counted, Doubled how many of them are more
	// than were sent: Expected - Indexed + Doubled are missing.
	Indexed int64 `json:"indexed"`
	Doubled int64 `json:"doubled"`
	// ScanEvents is how many scan events Grail counted. More than one do no harm.
	ScanEvents int64 `json:"scanEvents"`
	// Since is when the scan event was accepted.
	Since time.Time `json:"since"`
	// At is when Grail last answered; zero: it never did.
	At time.Time `json:"at,omitzero"`
}

// Missing returns how many rows were missing in Grail when it last answered.
func (a *Arrival) Missing() int64 { return a.Expected - a.Indexed + a.Doubled }

// SumArrivals returns the arrivals of several scans as one: the worst state with its
// reason, the sums of the figures, and the latest times; nil if no scan has an arrival.
func SumArrivals(scans []SystemScan) *Arrival {
	var sum *Arrival
	rank := map[string]int{ArrivalProven: 1, ArrivalUnknown: 2, ArrivalOver: 3, ArrivalShort: 4}
	for i := range scans {
		a := scans[i].Arrival
		if a == nil {
			continue
		}
		if sum == nil {
			sum = &Arrival{}
		}
		if rank[a.State] > rank[sum.State] {
			sum.State, sum.Reason = a.State, a.Reason
		}
		sum.Expected += a.Expected
		sum.Indexed += a.Indexed
		sum.Doubled += a.Doubled
		sum.ScanEvents += a.ScanEvents
		if a.Since.After(sum.Since) {
			sum.Since = a.Since
		}
		if a.At.After(sum.At) {
			sum.At = a.At
		}
	}
	return sum
}

// VerifySchema is the schema of the document in which verifications remember
// what is settled.
const VerifySchema = "runecast-verify/1"

// VerifyKey is where verifications remember what is settled.
const VerifyKey = DeliveryPrefix + "verify.json"

// Verify is delivery/verify.json. It only saves work: without it the next
// verification reads the registers and the delivery documents of the last day.
type Verify struct {
	Header
	// Settled holds the ETags of registers, by the registers' keys: those of the last
	// day about whose scans Grail need not be asked again.
	Settled map[string]string `json:"settled,omitzero"`
	// UpdatedAt is when a verification last wrote the document.
	UpdatedAt time.Time `json:"updatedAt"`
}

// DocumentSchema returns VerifySchema.
func (*Verify) DocumentSchema() string { return VerifySchema }

// DocumentCure returns what is safe to do about a verify document that cannot be read.
func (*Verify) DocumentCure() string {
	return "none is needed: the next verification writes it anew"
}
