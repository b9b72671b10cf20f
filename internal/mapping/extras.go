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

func (m *Mapper) vulnerabilities() bool { return slices.Contains(m.included, runecast.Vulnerability) }

// Extra emits the extras of a scan that the settings ask for, in a second reading of its
// document: with COVERAGE=object, if the scan is committed, a coverage event for each
// object of the compliance results and one for the system; and the vulnerabilities.
// Objects that only results of EXCLUDE_TYPES name are not covered. Vulnerabilities that
// EXCLUDE_TYPES or MIN_SEVERITY leaves out are counted as skipped. Mapped, Skipped,
// Reasons and Unknown of the result count the extras alone. A set of 8 bytes per object
// is kept in memory. key names the scan in the events' ids. Errors are as those of Map.
func (m *Mapper) Extra(in Input, key string, committed bool) (Result, error) {
	x := &extra{work: m.work(in), key: key, covers: committed && m.objectCoverage(), seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	err := x.read(m.settings.OriginalContent, x.issue)
	if err == nil && x.found.Assessed(runecast.Vulnerability) > 0 {
		err = x.send(securityevent.AppendVulnerabilityScan(x.event[:0], &x.res.Scan, key, in.Now()))
	}
	if err == nil && x.covers {
		err = x.send(securityevent.AppendCoverage(x.event[:0], &x.res.Scan, nil, key, in.Now()))
	}
	return x.res, err
}

// extra is the second reading of one document.
type extra struct {
	*work
	key    string
	covers bool // coverage events are asked for
	seed   maphash.Seed
	seen   map[uint64]struct{} // hashes of the ids of objects that are covered
	// found counts the rules about vulnerabilities. A system without an assessed one
	// was not analysed for vulnerabilities.
	found runecast.Assessment
}

// send emits an event.
func (x *extra) send(event []byte) error {
	x.event = event
	x.res.Mapped++
	return x.in.Emit(event)
}

// issue emits the extras of the current issue. listed is the number of its objects in
// the document.
func (x *extra) issue(listed int) error {
	h := &x.issues.Issue
	class, excluded := runecast.ClassOf(h.Profile), slices.Contains(x.m.settings.ExcludeTypes, runecast.NormalCode(h.Profile))
	switch {
	case class == runecast.Vulnerability && x.m.vulnerabilities():
		if !excluded {
			x.found.Add(h)
		}
		if !x.affects(h, excluded) {
			return nil
		}
		return x.vulnerability(h, listed, excluded)
	case x.m.shows(class) && x.covers && !excluded:
		return x.coverage()
	}
	return nil
}

// affects reports whether the system has the vulnerability. If the issue does not tell,
// it counts the reason, unless the settings leave the issue out anyway.
func (x *extra) affects(h *runecast.Issue, excluded bool) bool {
	status := runecast.ParseStatus(h.Status)
	_, known := verdictOf(status)
	switch {
	case status.Failed() && h.ShownID() != "":
		return true
	case excluded:
	case status == runecast.StatusUnlicensed:
		x.res.Reasons[ReasonUnlicensed]++
	case !known:
		x.unknown(ReasonUnknownStatus, h.Status)
	case status.Failed():
		x.res.Reasons[ReasonNoRuleID]++
	}
	return false
}

// coverage emits a coverage event for each object of the current issue that has none
// yet.
func (x *extra) coverage() error {
	x.begin()
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
		f.Original = x.original.of(o.Raw)
		if err := x.send(securityevent.AppendCoverage(x.event[:0], &x.res.Scan, &f, x.key, x.in.Now())); err != nil {
			return err
		}
	}
	return nil
}

// vulnerability emits a finding for each affected object; one on the system if no
// object is listed, or if it is not known which of the listed objects are affected.
func (x *extra) vulnerability(h *runecast.Issue, listed int, excluded bool) error {
	severity, known := severityOf(h.Severity)
	if !known {
		x.unknown(ReasonUnknownSeverity, h.Severity)
	}
	perObject := listed > 0
	switch {
	case perObject && x.ambiguous(listed):
		x.res.Reasons[ReasonObjectsAmbiguous]++
		perObject = false
	case int64(listed) < h.Count:
		x.res.Reasons[ReasonObjectsShort]++
	}
	if excluded || rank(severity) < x.m.minRank {
		x.skip(perObject, listed)
		return nil
	}
	x.begin()
	v := vulnerabilityOf(h, x.res.Scan.SystemType, severity, known)
	if perObject {
		return x.emitObjectsOf(v)
	}
	return x.emitVulnerability(v, x.system(), nil)
}

// emitObjectsOf emits a finding for each listed object that is affected; one on the
// system if none of them is.
func (x *extra) emitObjectsOf(v *securityevent.Vulnerability) error {
	failed, _ := verdictOf(runecast.StatusFail)
	before := x.res.Mapped
	for o, err := range x.issues.Objects() {
		if err != nil {
			return err
		}
		if !failed.has(o) {
			continue
		}
		if err := x.emitVulnerability(v, x.resource(o), o.Raw); err != nil {
			return err
		}
	}
	if x.res.Mapped > before {
		return nil
	}
	return x.emitVulnerability(v, x.system(), nil)
}

// emitVulnerability emits a finding of a vulnerability on the object f. raw is the
// object's JSON; nil: f is the system.
func (x *extra) emitVulnerability(v *securityevent.Vulnerability, f securityevent.Finding, raw []byte) error {
	f.Original = x.original.of(raw)
	return x.send(securityevent.AppendVulnerability(x.event[:0], &x.res.Scan, v, &f, x.key, x.in.Now()))
}

// vulnerabilityOf returns what the findings of a vulnerability share.
func vulnerabilityOf(h *runecast.Issue, component string, severity securityevent.Severity, known bool) *securityevent.Vulnerability {
	id := h.ShownID()
	v := securityevent.Vulnerability{
		ID: id, Title: or(h.Title, id), CVEs: cves(id + " " + h.Title + " " + h.URL), Severity: severity, RiskKnown: known,
		VendorSeverity: h.Severity, Component: component, URL: h.URL, IssueID: id,
	}
	if len(v.CVEs) == 1 {
		v.ID = v.CVEs[0]
	}
	if len(h.Products) > 0 {
		v.Component = h.Products[0]
	}
	return &v
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
