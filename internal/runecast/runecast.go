// Package runecast is what a Runecast Analyzer says: its systems, its scans and
// their results, in both versions of its API. It promises that results pass
// byte for byte and in bounded memory at any size, and that a document which is
// cut, malformed or of another kind is an error and never a result. It does no
// I/O but on the readers and writers that it is given. The API is not publicly
// specified: member names are those that public client scripts prove, everything
// else is tolerated.
package runecast

// Versions of the API.
const (
	V1 = "v1"
	V2 = "v2"
)

// System is a connected system as the appliance lists it.
type System struct {
	ID string
	// Name is a vCenter's address or what v2 shows, else what its results call
	// it, else the id.
	Name string
	// Type is one of the Type constants, by evidence.
	Type string
	// Scan is its last analysis.
	Scan Scan
}

// Info is what an appliance says about itself; empty where it says nothing.
type Info struct {
	InstanceUUID string
	Version      string
	Definitions  string
}
