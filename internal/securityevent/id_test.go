package securityevent_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"runecast-ingest/internal/securityevent"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	f := securityevent.Finding{ObjectID: []byte("o"), ObjectType: []byte("t")}
	a := finding(t, securityevent.Both, scan(), rule(), f)
	b := finding(t, securityevent.XSPM, scan(), rule(), f)
	if a["finding.id"] != b["finding.id"] || a["event.id"] != b["event.id"] {
		t.Error("ids depend on more than scan, system, object and rule")
	}
	// These ids must be the same in every release: queries remove duplicates by them.
	if a["finding.id"] != "ef7b0ef9-52d4-5ae7-898e-f6bf6a4d3862" {
		t.Errorf("finding.id %v", a["finding.id"])
	}
	// They are name-based UUIDs of RFC 9562, which others can compute, too.
	id := uuid.NewSHA1(uuid.MustParse("b3a3f2a0-7f0e-5d52-9a55-6d6f6e646179"), []byte("44c4a75d\x00o\x00CIS-1"))
	if a["finding.id"] != id.String() || a["event.id"] != uuid.NewSHA1(uuid.MustParse(scan().ID), id[:]).String() {
		t.Errorf("finding.id %v, event.id %v", a["finding.id"], a["event.id"])
	}
	next := scan()
	next.ID = "6d1b7b1e-0000-4000-8000-000000000002"
	c := finding(t, securityevent.Both, next, rule(), f)
	if c["finding.id"] != a["finding.id"] || c["event.id"] == a["event.id"] {
		t.Error("a new generation keeps finding.id and has new event ids")
	}
}

// No two events have the same id, although systems share rules and ids of objects, and
// generations share findings.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	systems, rules, objects := 5, 100, 1000 // twice: one million
	if raceEnabled {
		rules = 5
	}
	events, findings := make(map[[16]byte]struct{}, 2*systems*rules*objects), make(map[[16]byte]struct{}, systems*rules*objects)
	var event []byte
	for generation := range 2 {
		for system := range systems {
			s := &securityevent.Scan{ID: fmt.Sprintf("6d1b7b1e-%04x-4000-8000-00000000000%d", generation, system), SystemID: fmt.Sprintf("vc-%d", system)}
			e := securityevent.NewEncoder(securityevent.External, s)
			for n := range rules {
				r := rule()
				r.RuleID = fmt.Sprintf("CIS-%d", n)
				e.SetRule(r)
				for object := range objects {
					f := securityevent.Finding{ObjectID: fmt.Appendf(nil, "%s/host-%d", s.SystemID, object), ObjectType: []byte("HostSystem")}
					event = e.Append(event[:0], &f, at())
					events[id(t, event, `"event.id":"`)] = struct{}{}
					findings[id(t, event, `"finding.id":"`)] = struct{}{}
				}
			}
		}
	}
	if len(events) != 2*systems*rules*objects || len(findings) != systems*rules*objects {
		t.Errorf("%d event ids and %d finding ids of %d events in two generations", len(events), len(findings), 2*systems*rules*objects)
	}
}

// id reads a UUID that follows a member's name.
func id(t *testing.T, event []byte, member string) (id [16]byte) {
	i := bytes.Index(event, []byte(member)) + len(member)
	var digits [32]byte
	n := 0
	for _, c := range event[i : i+36] {
		if c != '-' {
			digits[n] = c
			n++
		}
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		t.Fatal(err)
	}
	return id
}
