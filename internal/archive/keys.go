// Package archive is the format of the S3 bucket: the keys of what lies in it,
// the envelope of raw objects, and the state documents. It promises to read
// and to write nothing but what it is given: package store keeps these things.
package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"
)

// Prefixes and fixed keys of the bucket.
const (
	RawPrefix        = "raw/"        // raw objects; the only prefix that triggers the forwarder
	ManualPrefix     = "raw/manual/" // raw documents uploaded by hand
	CatalogPrefix    = "catalog/"    // check catalogues
	DeliveryPrefix   = "delivery/"   // delivery states of raw objects
	RegisterPrefix   = "systems/"    // commit registers
	QuarantinePrefix = "quarantine/" // refused events
	RunsPrefix       = "runs/"       // run documents
	ActiveRunKey     = "runs/active.json"
	RunCheckKey      = "runs/check"     // written and deleted by the collector's check
	DeliveryCheckKey = "delivery/check" // written and deleted by the forwarder's check
	AnalysesPrefix   = "raw/v1/"        // raw objects that the collector writes

	rawSuffix       = ".json.gz"
	maxSlug         = 40
	hashChars       = 8
	registerHashLen = 32
)

// RawKey is where one system's results of one analysis lie:
// raw/v1/dt=<start date>/run=<run id>/<slug>-<hash8>.json.gz. Identifiers of
// systems hold slashes and worse, so only their slug and hash are used.
func RawKey(startedAt time.Time, runID, systemID, systemName string) string {
	return fmt.Sprintf("%sdt=%s/run=%s/%s%s",
		AnalysesPrefix, startedAt.UTC().Format(time.DateOnly), runID, LabelOf(systemID, systemName), rawSuffix)
}

// Label is how the keys of raw objects name a system.
type Label struct {
	// Slug is what is readable of the name, for people only: never empty.
	Slug string
	// Hash is of the id, 8 hexadecimal digits: a system keeps it under any name.
	Hash string
}

// LabelOf gives the label of a system.
func LabelOf(systemID, systemName string) Label {
	return Label{Slug: slug(systemName), Hash: digest(systemID, hashChars)}
}

// String gives <slug>-<hash8>.
func (l Label) String() string { return l.Slug + "-" + l.Hash }

// RawLabel gives the label in a raw object's key; false if the key has none.
func RawLabel(key string) (Label, bool) {
	name, ok := strings.CutSuffix(path.Base(key), rawSuffix)
	i := strings.LastIndexByte(name, '-')
	if !ok || !strings.HasPrefix(key, AnalysesPrefix) || i < 1 || len(name)-i-1 != hashChars {
		return Label{}, false
	}
	return Label{Slug: name[:i], Hash: name[i+1:]}, true
}

// RunKey is the document of a finished run.
func RunKey(runID string) string { return RunsPrefix + runID + ".json" }

// DeliveryKey is the delivery state of a raw object.
func DeliveryKey(rawKey string) string { return DeliveryPrefix + rawKey + ".json" }

// RegisterKey is the commit register of a system.
func RegisterKey(systemID string) string {
	return RegisterPrefix + digest(systemID, registerHashLen) + ".json"
}

// Generation is one generation of the delivery of a scan.
type Generation struct {
	RawKey string
	// System is the hash of the system's id in a document of several systems,
	// whose event indexes each begin at 0; empty in one of a single system.
	System string
	Number int
}

// Quarantine is the prefix of the generation's refused events.
func (g Generation) Quarantine() string {
	folder := QuarantinePrefix + g.RawKey + "/"
	if g.System != "" {
		folder += g.System + "/"
	}
	return fmt.Sprintf("%sg%d/", folder, g.Number)
}

// QuarantineKey is where a refused event lies.
func (g Generation) QuarantineKey(index int64) string {
	return fmt.Sprintf("%s%d.json", g.Quarantine(), index)
}

// CatalogKey is a check catalogue, named by the SHA-256 of its plain bytes.
func CatalogKey(sum string) string { return CatalogPrefix + sum + ".json.gz" }

func digest(s string, chars int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:chars]
}

// slug keeps what is readable of a name: a–z, 0–9, dot and hyphen.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case b.Len() >= maxSlug:
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.Trim(b.String(), "-."); s != "" {
		return s
	}
	return "system"
}
