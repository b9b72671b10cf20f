package securityevent

import (
	"crypto/sha1"

	"github.com/google/uuid"
)

// space returns the namespace of this project's name-based UUIDs. It never changes,
// so that ids stay the same for ever.
func space() uuid.UUID {
	return uuid.UUID{0xb3, 0xa3, 0xf2, 0xa0, 0x7f, 0x0e, 0x5d, 0x52, 0x9a, 0x55, 0x6d, 0x6f, 0x6e, 0x64, 0x61, 0x79}
}

// version5 returns the name-based UUID (RFC 9562, version 5) of a namespace and a
// name that follow each other in b. Unlike uuid.NewSHA1 it does not allocate: it is
// called twice for every finding.
func version5(b []byte) (id uuid.UUID) {
	sum := sha1.Sum(b)
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// named returns the UUID of a name, given in parts, in the project's own namespace.
func named(parts ...string) uuid.UUID {
	s := space()
	b := s[:]
	for i, p := range parts {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, p...)
	}
	return version5(b)
}
