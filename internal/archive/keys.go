// Package archive is the format of the S3 bucket: the keys of what lies in it,
// the envelope of raw objects, and the state documents. It promises to read
// and to write nothing but what it is given: package store keeps these things.
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
	CatalogPrefix    = "catalog/"    // check catalogues
	DeliveryPrefix   = "delivery/"   // delivery states of raw objects
	RegisterPrefix   = "systems/"    // commit registers
	QuarantinePrefix = "quarantine/" // refused events
	RunsPrefix       = "runs/"       // run documents
	ActiveRunKey     = "runs/active.json"
	RunCheckKey      = "runs/check"     // written and deleted by the collector's check
	DeliveryCheckKey = "delivery/check" // written and deleted by the forwarder's check
	AnalysesPrefix   = "raw/v1/"        // raw objects that the collector writes

	maxSlug         = 40
	hashChars       = 8
	registerHashLen = 32
)

// DeliveryKey is the delivery state of a raw object.
func DeliveryKey(rawKey string) string { return DeliveryPrefix + rawKey + ".json" }

// DeliveryOf returns the raw key whose delivery state is under a key; false if the
// key is no delivery state's.
func DeliveryOf(key string) (rawKey string, ok bool) {
	rawKey, ok = strings.CutPrefix(strings.TrimSuffix(key, ".json"), DeliveryPrefix)
	return rawKey, ok && strings.HasPrefix(rawKey, RawPrefix) && strings.HasSuffix(key, ".json")
}

// RegisterKey is the commit register of a system.
func RegisterKey(systemID string) string {
	return RegisterPrefix + digest(systemID, registerHashLen) + ".json"
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
