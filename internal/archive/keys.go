// Package archive is the format of the S3 bucket: its keys, the envelope of raw
// objects, and the state documents. It promises to do no I/O but on the readers and
// writers that it is given; package store reads and writes the bucket. FORMATS.md
// describes the same for people.
package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Prefixes and fixed keys of the bucket.
const (
	RawPrefix        = "raw/"        // raw objects; the only prefix that triggers the forwarder
	ManualPrefix     = "raw/manual/" // raw documents uploaded by hand
	CatalogPrefix    = "catalog/"    // catalogues
	DeliveryPrefix   = "delivery/"   // delivery documents of raw objects
	RegisterPrefix   = "systems/"    // registers and roll-ups
	QuarantinePrefix = "quarantine/" // refused events
	RunsPrefix       = "runs/"       // run documents
	ActiveRunKey     = "runs/active.json"
	RunCheckKey      = "runs/check"     // written and deleted by the collector's check
	DeliveryCheckKey = "delivery/check" // written and deleted by the forwarder's check
	AnalysesPrefix   = "raw/v1/"        // raw objects that the collector writes

	maxSlug         = 40 // characters of a slug
	hashChars       = 8  // hexadecimal digits of a hash in a raw key
	registerHashLen = 32 // hexadecimal digits of a hash in a register's key
)

// DeliveryKey returns the key of a raw object's delivery document.
func DeliveryKey(rawKey string) string { return DeliveryPrefix + rawKey + ".json" }

// DeliveryOf returns the raw key of the object whose delivery document has this key;
// false if the key is not that of a delivery document.
func DeliveryOf(key string) (rawKey string, ok bool) {
	rawKey, ok = strings.CutPrefix(strings.TrimSuffix(key, ".json"), DeliveryPrefix)
	return rawKey, ok && strings.HasPrefix(rawKey, RawPrefix) && strings.HasSuffix(key, ".json")
}

// RegisterKey returns the key of a system's register.
func RegisterKey(systemID string) string {
	return RegisterPrefix + digest(systemID, registerHashLen) + ".json"
}

// CatalogKey returns the key of a catalogue; sum is the SHA-256 of its uncompressed
// bytes, in hexadecimal.
func CatalogKey(sum string) string { return CatalogPrefix + sum + ".json.gz" }

// digest returns the first hexadecimal digits of the SHA-256 of a text.
func digest(s string, chars int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:chars]
}

// slug returns the readable part of a name, at most 40 characters of a–z, 0–9, dot
// and hyphen; "system" if nothing is left.
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
