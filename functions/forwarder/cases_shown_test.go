package main

import (
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

// If a register is deleted, no older scan is shown: the delivery documents say what was
// shown. An earlier forwarder then showed an older scan that was still open.
func TestDeletedRegister(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	first := s.archiveRules("vc", "vc", 1, rules("CIS", "PASS", 1))
	p.must(s.created(first))
	second := s.archiveRules("vc", "vc", 2, rules("CIS", "PASS", 2))
	third := s.archiveRules("vc", "vc", 3, rules("CIS", "PASS", 3))
	p.must(s.created(third))
	s.remove(archive.RegisterKey("vc"))
	p.must(sweep)
	s.endsAs(second, archive.DeliverySuperseded)
	if sys := s.receiver.Tiles().Systems; len(sys) != 1 || sys[0].Passed != 3 {
		t.Errorf("the dashboard shows %+v", sys)
	}
}

// If an archive is copied, only the newest scan of each system is sent. An earlier
// forwarder sent all of them, the oldest first.
func TestCopiedArchive(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	var keys []string
	for n := range 5 {
		keys = append(keys, s.archiveRules("vc", "vc", n, rules("CIS", "PASS", n+1)))
	}
	for _, key := range keys {
		p.must(s.created(key))
	}
	p.must(sweep)
	for i, key := range keys {
		s.endsAs(key, map[bool]string{true: archive.DeliveryComplete, false: archive.DeliverySuperseded}[i == len(keys)-1])
	}
	if n := s.receiver.Stats().Events[securityevent.TypeCompleted]; n != 1 {
		t.Errorf("%d scans were sent", n)
	}
}

// A replay of a system does not send scans of another one whose name begins with the same
// 40 characters. An earlier forwarder chose by these characters, and sent both.
func TestReplayOfASystemLeavesItsNamesakesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	long := strings.Repeat("x", 45)
	one, other := s.archiveRules("id-1", long+"1", 0, rules("CIS", "PASS", 1)), s.archiveRules("id-2", long+"2", 0, rules("CIS", "PASS", 1))
	p.must(s.created(one))
	p.must(s.created(other))
	p.must(fmt.Sprintf(`{"action":"replay","system":%q}`, long+"1.example"))
	if a, b := s.delivery(one).Value.Generation, s.delivery(other).Value.Generation; a != 2 || b != 1 {
		t.Errorf("generations %d and %d, want 2 and 1", a, b)
	}
}

// A profile code is not taken for a standard because it begins with the standard's name
// and goes on with a number: the number may be the only difference. An earlier forwarder
// cut digits off the end until it knew the rest, and counted NIS 2022 with NIS2, and
// ISO 27017 with ISO 27001.
func TestNumberBelongsToTheProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	codes := []string{"NIS 2022", "ISO 27017", "NIST SP 800-171", "NIST 171"}
	var issues []string
	for _, code := range codes {
		issues = append(issues, rules(code, "PASS", 1)...)
	}
	key := s.archiveRules("vc", "vc", 0, issues)
	s.deploy(nil, `STANDARDS={"NIS2":{"shortName":"NIS2","name":"Directive (EU) 2022/2555"}}`).must(s.created(key))
	counted := map[string]int{}
	for _, e := range s.receiver.Events() {
		if e.Type == securityevent.TypeFinding {
			counted[e.Standard.String()]++
		}
	}
	for _, code := range codes {
		if counted[code] != 1 {
			t.Errorf("%d findings are of %s; the standards are %v", counted[code], code, counted)
		}
	}
}

// If the appliance lists more objects for a vulnerability than it says have it, the
// vulnerability is shown once, on the system, since it is not known which objects have it.
// An earlier forwarder showed it on each of them.
func TestVulnerabilityOfFewerObjectsThanAreListed(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	issue := func(id string, affected int) string {
		var objects []string
		for i := range 3 {
			objects = append(objects, fmt.Sprintf(`{"vcUid":"vc","moid":"host-%d","name":"host %[1]d","type":"HostSystem"}`, i))
		}
		return fmt.Sprintf(`{"issueDisplayId":%q,"type":"VUL","severity":"Major","title":"T","status":"FAIL","affectedObjectsCount":%d,"affectedObjects":[%s]}`,
			id, affected, strings.Join(objects, ","))
	}
	key := s.archiveRules("vc", "vc", 0, append(rules("CIS", "PASS", 1), issue("VUL-one", 1), issue("VUL-all", 3)))
	s.deploy(nil, "INCLUDE_TYPES=VUL").must(s.created(key))
	on := map[string]int{}
	for _, e := range s.receiver.Events() {
		if e.Type == securityevent.TypeVulnerability {
			on[e.ObjectID.String()]++
		}
	}
	if len(on) != 4 || on["vc"] != 1 {
		t.Errorf("one vulnerability of one of three objects and one of all three are shown on %v", on)
	}
}

// If a scan has no result about vulnerabilities, no scan for vulnerabilities is reported,
// since the system may not have been examined for them. An earlier forwarder reported one
// for each system, which then looked free of vulnerabilities.
func TestSystemThatWasNotScannedForVulnerabilities(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil, "INCLUDE_TYPES=VUL")
	for system, issues := range map[string][]string{
		"scanned":     append(rules("CIS", "PASS", 1), rules("VUL", "PASS", 1)...),
		"not-scanned": rules("CIS", "PASS", 1),
	} {
		p.must(s.created(s.archiveRules(system, system, 0, issues)))
	}
	var scanned []string
	for _, e := range s.receiver.Events() {
		if e.Type == securityevent.TypeVulnerabilityScan {
			scanned = append(scanned, e.ObjectID.String())
		}
	}
	if len(scanned) != 1 || scanned[0] != "scanned" {
		t.Errorf("scans for vulnerabilities are reported of %q", scanned)
	}
}
