package mapping

import (
	"hash/maphash"
	"regexp"
	"slices"
	"strings"

	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// Extras reports whether Extra has anything to emit under the settings.
func (m *Mapper) Extras() bool { return m.objectCoverage() || m.vulnerabilities() }

func (m *Mapper) objectCoverage() bool {
	return m.settings.Coverage == CoverageObject && m.settings.EventModel != securityevent.XSPM
}

func (m *Mapper) vulnerabilities() bool { return slices.Contains(m.beside, runecast.Vulnerability) }

// Extra emits what belongs to a scan beside its findings, in a second reading: a
// coverage event for each object that compliance results name, if the scan is
// committed, and the vulnerabilities, if they are asked for. A set of 8 bytes per
// object is kept in memory. key names the scan in the events' ids.
func (m *Mapper) Extra(in Input, key string, committed bool) error {
	x := &extra{work: m.work(in), key: key, covers: committed && m.objectCoverage(), seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	if err := x.read(false, x.issue); err != nil {
		return err
	}
	if m.vulnerabilities() {
		if err := in.Emit(securityevent.AppendVulnerabilityScan(x.event[:0], &x.res.Scan, key, in.Now())); err != nil {
			return err
		}
	}
	if x.covers {
		return in.Emit(securityevent.AppendCoverage(x.event[:0], &x.res.Scan, nil, key, in.Now()))
	}
	return nil
}

// extra is the second reading of one document.
type extra struct {
	*work
	key    string
	covers bool // coverage events are asked for
	seed   maphash.Seed
	seen   map[uint64]struct{}
}

func (x *extra) issue(listed int) error {
	h := &x.issues.Issue
	class := runecast.ClassOf(h.Profile)
	switch {
	case class == runecast.Vulnerability && x.m.vulnerabilities() && runecast.ParseStatus(h.Status).Failed():
		return x.vulnerability(h, listed == 0)
	case x.m.shows(class) && x.covers:
		return x.coverage()
	}
	return nil
}

func (x *extra) coverage() error {
	for o, err := range x.issues.Objects() {
		if err != nil {
			return err
		}
		f := x.resource(o)
		sum := maphash.Bytes(x.seed, f.ObjectID)
		if _, again := x.seen[sum]; again || len(o.MOID)+len(o.Name) == 0 {
			continue
		}
		x.seen[sum] = struct{}{}
		x.event = securityevent.AppendCoverage(x.event[:0], &x.res.Scan, &f, x.key, x.in.Now())
		if err := x.in.Emit(x.event); err != nil {
			return err
		}
	}
	return nil
}

// vulnerability emits a finding per object, one on the system if none is listed.
func (x *extra) vulnerability(h *runecast.Issue, onSystem bool) error {
	severity, known := severityOf(h.Severity)
	id := h.ShownID()
	if id == "" {
		return nil // nothing identifies it
	}
	v := securityevent.Vulnerability{
		ID: id, Title: or(h.Title, id), CVEs: cves(id + " " + h.Title + " " + h.URL), Severity: severity, RiskKnown: known,
		VendorSeverity: h.Severity, Component: x.res.Scan.SystemType, URL: h.URL, IssueID: id,
	}
	if len(v.CVEs) == 1 {
		v.ID = v.CVEs[0]
	}
	if len(h.Products) > 0 {
		v.Component = h.Products[0]
	}
	emit := func(f securityevent.Finding) error {
		x.event = securityevent.AppendVulnerability(x.event[:0], &x.res.Scan, &v, &f, x.key, x.in.Now())
		return x.in.Emit(x.event)
	}
	if onSystem {
		return emit(x.system())
	}
	failed, _ := verdictOf(runecast.StatusFail)
	for o, err := range x.issues.Objects() {
		if err != nil {
			return err
		}
		if !failed.has(o) {
			continue
		}
		if err := emit(x.resource(o)); err != nil {
			return err
		}
	}
	return nil
}

// cves finds the CVE ids in a text, each once.
func cves(text string) []string {
	found := regexp.MustCompile(`(?i)CVE-\d{4}-\d{4,}`).FindAllString(text, -1)
	for i, id := range found {
		found[i] = strings.ToUpper(id)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
