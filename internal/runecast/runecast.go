// Package runecast reads what a Runecast Analyzer answers: its systems, its
// scans and their results, in both versions of its API. It promises that results
// pass byte for byte and in bounded memory at any size, and that a document which
// is cut, malformed or of another kind is an error and never a result. It does no
// I/O but on the readers and writers that it is given. The API is not publicly
// specified: the member names come from public client scripts, and members of
// any other name or type are skipped.
package runecast

// Versions of the API.
const (
	V1 = "v1"
	V2 = "v2"
)

// System is a connected system as the appliance lists it.
type System struct {
	// ID is the system's uid in v1, and its ecosystem's id in v2.
	ID string
	// Name is a vCenter's address (v1) or the name that v2 lists, else the name in
	// the system's results, else the id.
	Name string
	// Type is one of the Type constants; TypeUnknown if nothing shows the type.
	Type string
	// Scan is the system's last analysis.
	Scan Scan
}

// Info is what an appliance says about itself; a text is empty if it says nothing.
type Info struct {
	InstanceUUID string
	Version      string // of the appliance, as "6.9.12.0"
	Definitions  string // version of its rules
}
