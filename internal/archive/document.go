package archive

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// Document is a state document: JSON that changes only by conditional writes.
// Each type of document embeds Header and knows its own schema.
type Document interface {
	// DocumentSchema returns the document's type and the version that this
	// release writes, which is the newest that it reads, as "runecast-run/1".
	DocumentSchema() string
	// DocumentHeader returns the header within the document.
	DocumentHeader() *Header
	// DocumentCure returns what a person may safely do about a document that cannot
	// be read.
	DocumentCure() string
}

// Header is what every state document begins with.
type Header struct {
	// Schema is the document's type and version, as "runecast-run/1".
	Schema string `json:"schema"`
	// WriteID is new and random at each write: a writer that got no answer
	// recognises its own write by it.
	WriteID string `json:"writeId"`
}

// DocumentHeader returns the header itself.
func (h *Header) DocumentHeader() *Header { return h }

// Encode returns a state document as it is stored, under the schema of its
// type and the id of this write.
func Encode(d Document, writeID string) ([]byte, error) {
	h := d.DocumentHeader()
	h.Schema, h.WriteID = d.DocumentSchema(), writeID
	return json.Marshal(d, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.WithIndent(" "))
}

// Decode reads a stored state document into d. key is where it was stored, for
// errors. Members that are not known are ignored, and older versions are read. A
// text that is not JSON, or a document of another type, is a fault of class Reject;
// a newer version is one of class Config.
func Decode(text []byte, key string, d Document) error {
	if err := json.Unmarshal(text, d); err != nil {
		return &fault.Error{Class: fault.Reject, Where: key, What: "the state document is not readable", Err: err,
			Cure: d.DocumentCure()}
	}
	got, want := d.DocumentHeader().Schema, d.DocumentSchema()
	kind, version := schemaParts(got)
	wantKind, wantVersion := schemaParts(want)
	switch {
	case kind != wantKind || version < 0:
		return &fault.Error{Class: fault.Reject, Where: key, What: fmt.Sprintf("schema %q is not %q", got, want),
			Cure: "check who writes to the archive; then " + d.DocumentCure()}
	case version > wantVersion:
		return &fault.Error{Class: fault.Config, Where: key, What: fmt.Sprintf("schema %q is newer than this release's %q", got, want),
			Cure: "deploy the newer release again"}
	}
	return nil
}

// schemaParts takes "runecast-run/1" apart; the version is -1 if there is none.
func schemaParts(schema string) (kind string, version int) {
	kind, number, _ := strings.Cut(schema, "/")
	version, err := strconv.Atoi(number)
	if err != nil || version < 0 {
		return kind, -1
	}
	return kind, version
}

// Lease says which invocation works on a document. Leases only avoid waste;
// safety comes from the conditional writes.
type Lease struct {
	// Owner is random per invocation.
	Owner string `json:"owner"`
	// Until is the owner's deadline plus one minute, by wall clock.
	Until time.Time `json:"until"`
}

// Live reports whether the lease still holds at a time. A nil lease does not.
func (l *Lease) Live(now time.Time) bool { return l != nil && now.Before(l.Until) }

// Order places a scan among the scans of its system: by the run's start, then
// by the run's id. The appliance's clock plays no part.
type Order struct {
	StartedAt time.Time `json:"startedAt"`
	Run       string    `json:"run"`
}

// Compare returns -1, 0 or 1 as o is older than, the same as, or newer than p.
func (o Order) Compare(p Order) int {
	return cmp.Or(o.StartedAt.Compare(p.StartedAt), strings.Compare(o.Run, p.Run))
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

// Appliance is the Runecast Analyzer that the results are from. A text that the
// appliance did not say is empty.
type Appliance struct {
	URL string `json:"url"`
	// API is the version of the API that the results were read by: v1 or v2.
	API          string `json:"api"`
	InstanceUUID string `json:"instanceUuid"`
	// Version is that of the appliance, as "6.9.12.0", and Definitions that of its rules.
	Version     string `json:"version"`
	Definitions string `json:"definitions"`
}
