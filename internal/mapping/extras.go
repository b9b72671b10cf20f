package mapping

import (
	"hash/maphash"
	"regexp"
	"slices"
	"strings"

	"runecast-ingest/internal/securityevent"
)

// Extras tells whether Extra has anything to emit under the settings.
func (m *Mapper) Extras() bool { return m.objectCoverage() || m.vulnerabilities() }

func (m *Mapper) objectCoverage() bool {
	return m.settings.Coverage == "object" && m.settings.EventModel != string(securityevent.XSPM)
}

func (m *Mapper) vulnerabilities() bool { return slices.Contains(m.settings.IncludeTypes, "VUL") }

// Extra emits what belongs to a scan beside its findings, in a second reading
// once the scan is committed: a coverage event for each object that compliance
// results name, and the vulnerabilities, if asked for. A set of 8 bytes per
// object is kept in memory. key names the scan in the events' ids.
func (m *Mapper) Extra(in Input, key string) error {
	d := in.Document
	w := &work{m: m, in: in, summary: newSummary(), res: Result{Scan: scanOf(&d.Envelope, in.ScanID), Reasons: map[string]int64{}}}
	w.issues = issueReader{dec: d.dec}
	x := &extra{work: w, key: key, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	if in.Reopen != nil {
		w.issues.overflow = x.stream
	}
	w.index = -1
	err := d.issues(func() error {
		w.index++
		if err := w.issues.read(); err != nil || w.issues.streamed {
			return err
		}
		return x.issue(len(w.issues.objects) == 0)
	})
	if err != nil {
		return err
	}
	if m.vulnerabilities() {
		if err := in.Emit(securityevent.AppendVulnerabilityScan(w.event[:0], &w.res.Scan, key, in.Now())); err != nil {
			return err
		}
	}
	if m.objectCoverage() {
		return in.Emit(securityevent.AppendCoverage(w.event[:0], &w.res.Scan, nil, key, in.Now()))
	}
	return nil
}

// extra is the second reading of one document.
type extra struct {
	*work
	key  string
	seed maphash.Seed
	seen map[uint64]struct{}
}

// stream goes through an issue whose objects are too many to be held.
func (x *extra) stream() error {
	s, err := x.surveyed()
	if err != nil {
		return err
	}
	x.issues.head = s.head
	for {
		if err := x.issue(false); err != nil || x.issues.dec.PeekKind() == ']' {
			return err
		}
		x.issues.drop()
		if err := x.issues.readObject(); err != nil {
			return err
		}
	}
}

// issue emits what the objects held say; onSystem: no object is listed.
func (x *extra) issue(onSystem bool) error {
	h := &x.issues.head
	code := strings.ToUpper(strings.TrimSpace(h.profile))
	switch {
	case code == "VUL" && x.m.vulnerabilities() && verdictOf(h.status).status == securityevent.Failed:
		return x.vulnerability(h, onSystem)
	case code != "" && x.m.compliance(code) && x.m.objectCoverage():
		return x.coverage()
	}
	return nil
}

func (x *extra) coverage() error {
	for i := range x.issues.objects {
		o := x.issues.at(i)
		f := x.resource(o)
		sum := maphash.Bytes(x.seed, f.ObjectID)
		if _, again := x.seen[sum]; again || len(o.moid)+len(o.name) == 0 {
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
func (x *extra) vulnerability(h *head, onSystem bool) error {
	severity, known := severityOf(h.severity)
	id := or(h.displayID, h.id)
	if id == "" {
		return nil // nothing to tell it by
	}
	v := securityevent.Vulnerability{
		ID: id, Title: or(h.title, id), CVEs: cves(id + " " + h.title + " " + h.url), Severity: severity, RiskKnown: known,
		VendorSeverity: h.severity, Component: x.res.Scan.SystemType, URL: h.url, IssueID: id,
	}
	if len(v.CVEs) == 1 {
		v.ID = v.CVEs[0]
	}
	if len(h.products) > 0 {
		v.Component = h.products[0]
	}
	emit := func(f securityevent.Finding) error {
		x.event = securityevent.AppendVulnerability(x.event[:0], &x.res.Scan, &v, &f, x.key, x.in.Now())
		return x.in.Emit(x.event)
	}
	if onSystem {
		return emit(x.system())
	}
	for i := range x.issues.objects {
		o := x.issues.at(i)
		if len(o.status) > 0 && verdictOf(string(o.status)).status != securityevent.Failed {
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
