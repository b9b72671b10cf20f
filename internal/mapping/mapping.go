// Package mapping turns Runecast results into security events. It is pure: the
// same document under the same settings gives the same events in the same
// order, only scan ids and time stamps differ. It promises that what the
// posture dashboard shows over its events is what the appliance shows.
//
// What it does not send it counts by reason, see the Reason constants: an
// unknown status is not sent; an unknown severity is sent as LOW with its own
// word; a missing title falls back to the rule's id; an object without an id
// is identified by its name, and one without both is the system itself; an
// issue without any id or without a profile is not sent.
package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/config"
	"runecast-ingest/internal/securityevent"
)

// version counts the changes of the mapping that alter events or their order.
const version = 1

// Mapper maps documents by its settings. It is safe for concurrent use.
type Mapper struct {
	settings  config.Mapping
	standards standardTable
	minRank   int
	hash      string
}

// New makes a mapper.
func New(settings config.Mapping) *Mapper {
	text, _ := json.Marshal(settings, json.Deterministic(true)) // plain strings and booleans
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", version, text))
	minRank := rank(securityevent.Severity(settings.MinSeverity))
	return &Mapper{settings, newStandardTable(settings.Standards), minRank, hex.EncodeToString(sum[:8])}
}

// Hash identifies the mapping's version and settings: event indexes mean the
// same only under the same hash.
func (m *Mapper) Hash() string { return m.hash }

// Input is one document to map.
type Input struct {
	Document *Document
	// Catalog has the metadata of checks; may be nil.
	Catalog *Catalog
	// ScanID is given to every event: a random UUID of this generation.
	ScanID string
	// Now stamps the events.
	Now func() time.Time
	// Reopen reads the same document again, for issues whose objects are too
	// many to be held, and gives what ends the reading; nil: they are all held.
	Reopen func() (*Document, func() error, error)
	// Emit takes the next event, valid during the call only.
	Emit func(event []byte) error
}

// Reasons for what was not sent, or not sent as it came.
const (
	ReasonUnlicensed       = "unlicensed"         // not assessed
	ReasonUnknownStatus    = "unknown_status"     // not sent
	ReasonUnknownSeverity  = "unknown_severity"   // sent as LOW
	ReasonNotCompliance    = "not_compliance"     // KB, BP, VUL: left out unless included
	ReasonNoRuleID         = "no_rule_id"         // not sent
	ReasonNoProfile        = "no_profile"         // not sent
	ReasonNoTitle          = "no_title"           // sent with the id as title
	ReasonObjectsAmbiguous = "objects_ambiguous"  // sent once, on the system
	ReasonObjectsShort     = "objects_not_listed" // fewer listed than counted
)

// Result is what was made of a document.
type Result struct {
	// Scan is what the events share, for the scan events.
	Scan securityevent.Scan
	// Mapped = sent + skipped by the settings, in events.
	Mapped, Skipped int64
	// Assessed tells that there was a compliance result that is not UNLICENSED;
	// a scan without must not be committed: it would show as all clear.
	Assessed bool
	// Summary is the posture over the events sent.
	Summary securityevent.Summary
	// Rows counts the findings sent.
	Rows map[Row]int64
	// Rules is the worst status of each rule's rows, by rule id.
	Rules map[string]securityevent.Status
	// Reasons counts issues by Reason.
	Reasons map[string]int64
	// Unknown are the statuses and severities that were not known, once each, at most 20.
	Unknown []string
}

// Map emits the findings of a document. Errors are faults of class Reject for
// bad input, else those of Emit or of the document's reader.
func (m *Mapper) Map(in Input) (Result, error) {
	d := in.Document
	w := &work{
		m: m, in: in, summary: newSummary(),
		res: Result{Scan: scanOf(&d.Envelope, in.ScanID), Reasons: map[string]int64{}},
	}
	if m.settings.OriginalContent {
		w.res.Scan.Original, _ = json.Marshal(&d.Envelope) // plain texts and times
	}
	w.enc = securityevent.NewEncoder(securityevent.Model(m.settings.EventModel), &w.res.Scan)
	w.issues = issueReader{dec: d.dec, keepRaw: m.settings.OriginalContent}
	if in.Reopen != nil {
		w.issues.overflow = w.stream
	}
	index := -1
	err := d.issues(func() error {
		index++
		w.index = index
		if err := w.issues.read(); err != nil {
			return err
		}
		if w.issues.streamed {
			return nil
		}
		return w.issue(len(w.issues.objects), nil)
	})
	w.res.Summary, w.res.Rows, w.res.Rules = w.summary.close(), w.summary.rows, w.summary.verdicts()
	w.res.Scan.Findings = w.res.Mapped - w.res.Skipped
	return w.res, err
}

// work is the mapping of one document.
type work struct {
	m        *Mapper
	in       Input
	enc      *securityevent.Encoder
	issues   issueReader
	index    int
	survey   map[int]surveyed
	summary  *summary
	res      Result
	event    []byte
	id       []byte
	evidence []byte
	original original
}

// issue emits the findings of the current issue, of which listed objects are
// in the document: those held, and then those that rest reads.
func (w *work) issue(listed int, rest func(func() error) error) error {
	h := &w.issues.head
	check, v, ok := w.check(h)
	if !ok {
		return nil
	}
	check.Affected = max(h.count, 0)
	if h.count < 0 {
		check.Affected = int64(listed)
	}
	perObject := listed > 0 && (v.status != securityevent.Passed || w.m.settings.PassedObjects == "object")
	ownStatus := len(w.issues.objects) > 0 && len(w.issues.at(0).status) > 0
	switch {
	case perObject && !ownStatus && h.count >= 0 && int64(listed) > h.count && v.status != securityevent.Passed:
		w.res.Reasons[ReasonObjectsAmbiguous]++
		perObject = false
	case v.status == securityevent.Failed && int64(listed) < check.Affected:
		w.res.Reasons[ReasonObjectsShort]++
	}
	if w.skips(check) {
		rows := int64(1)
		if perObject {
			rows = int64(listed)
		}
		w.res.Mapped += rows
		w.res.Skipped += rows
		return nil
	}
	w.enc.SetCheck(check)
	if w.m.settings.OriginalContent {
		w.original.set(h)
	}
	if !perObject {
		return w.emitSystem(check)
	}
	return w.emitObjects(check, v, rest)
}

// check reads what the findings of an issue share; false: it is not sent at all.
func (w *work) check(h *head) (*securityevent.Check, verdict, bool) {
	code := strings.ToUpper(strings.TrimSpace(h.profile))
	id := or(h.displayID, h.id)
	switch {
	case code == "":
		w.res.Reasons[ReasonNoProfile]++
		return nil, verdict{}, false
	case !w.m.compliance(code):
		w.res.Reasons[ReasonNotCompliance]++
		return nil, verdict{}, false
	case id == "":
		w.res.Reasons[ReasonNoRuleID]++
		return nil, verdict{}, false
	}
	v := verdictOf(h.status)
	switch {
	case !v.known:
		w.unknown(ReasonUnknownStatus, h.status)
		return nil, v, false
	case v.unlicensed:
		w.res.Reasons[ReasonUnlicensed]++
		return nil, v, false
	}
	w.res.Assessed = true
	severity, known := severityOf(h.severity)
	if !known {
		w.unknown(ReasonUnknownSeverity, h.severity)
	}
	std := w.m.standards.on(h.profile, w.res.Scan.SystemType)
	c := &securityevent.Check{
		RuleID: std.ruleID(h.profile, id), Title: h.title, Severity: severity, RiskKnown: known, VendorSeverity: h.severity,
		StandardShortName: std.shortName, StandardName: std.name, StandardURL: std.url,
		URL: h.url, IssueID: id, Profile: h.profile, VendorStatus: h.status, Status: v.status,
	}
	w.in.Catalog.describe(c, h)
	if c.Title == "" {
		c.Title = c.RuleID
		w.res.Reasons[ReasonNoTitle]++
	}
	return c, v, true
}

// compliance tells whether a profile code is one of a standard, or included.
func (m *Mapper) compliance(code string) bool {
	switch code {
	case "VUL":
		return false
	case "KB", "BP":
		return slices.Contains(m.settings.IncludeTypes, code)
	}
	return true
}

func (w *work) unknown(reason, value string) {
	w.res.Reasons[reason]++
	word := reason + " " + string(cut([]byte(value), 40))
	if len(w.res.Unknown) < 20 && !slices.Contains(w.res.Unknown, word) {
		w.res.Unknown = append(w.res.Unknown, word)
	}
}

// skips tells whether the settings leave a check out.
func (w *work) skips(c *securityevent.Check) bool {
	s := &w.m.settings
	return !slices.Contains(s.IncludeResults, string(c.Status)) || rank(c.Severity) < w.m.minRank ||
		slices.Contains(s.ExcludeTypes, strings.ToUpper(c.Profile))
}

// system is the analysed system as a finding's object.
func (w *work) system() securityevent.Finding {
	scan := &w.res.Scan
	return securityevent.Finding{ObjectID: []byte(scan.SystemID), ObjectName: []byte(scan.SystemName), ObjectType: []byte(scan.SystemType)}
}

// emitSystem emits one finding on the system itself, without any object's evidence.
func (w *work) emitSystem(c *securityevent.Check) error {
	f := w.system()
	f.Original = w.original.of(nil)
	return w.emit(c, &f)
}

// emitObjects emits one finding per affected object; one on the system if none
// of those listed has the issue's own verdict.
func (w *work) emitObjects(c *securityevent.Check, v verdict, rest func(func() error) error) error {
	before := w.res.Mapped
	held := func() error {
		for i := range w.issues.objects {
			o := w.issues.at(i)
			if len(o.status) > 0 && verdictOf(string(o.status)).status != v.status {
				continue
			}
			if err := w.emitObject(c, v, o); err != nil {
				return err
			}
		}
		return nil
	}
	err := held()
	if err == nil && rest != nil {
		err = rest(held)
	}
	if err == nil && w.res.Mapped == before {
		err = w.emitSystem(c)
	}
	return err
}

func (w *work) emitObject(c *securityevent.Check, v verdict, o *affected) error {
	f := w.resource(o)
	f.Original = w.original.of(o.raw)
	if v.status != securityevent.Passed {
		w.evidence = w.evidenceOf(o, v)
		f.Evidence = w.evidence
	}
	return w.emit(c, &f)
}

// resource is an affected object as the finding's object; one that cannot be
// told from others is the system. Its id lives until the next call.
func (w *work) resource(o *affected) securityevent.Finding {
	if len(o.moid) == 0 && len(o.name) == 0 {
		return w.system()
	}
	f := securityevent.Finding{ObjectID: w.objectID(o), ObjectName: o.name, ObjectType: o.kind}
	if len(f.ObjectType) == 0 {
		f.ObjectType = []byte(w.res.Scan.SystemType)
	}
	return f
}

func (w *work) evidenceOf(o *affected, v verdict) []byte {
	if !w.m.settings.Evidence || v.status == securityevent.NotRelevant {
		return w.evidence[:0]
	}
	return appendEvidence(w.evidence, o.values, v.manualCheck)
}

// objectID is unique over all systems: an ARN or Azure resource id as it is,
// else below the system's id, since vCenters share moids such as host-81.
func (w *work) objectID(o *affected) []byte {
	id := o.moid
	if len(id) == 0 {
		id = o.name
	}
	if prefixed(id, "arn:") || prefixed(id, "/subscriptions/") {
		return id
	}
	w.id = w.id[:0]
	if len(o.systemUID) > 0 {
		w.id = append(w.id, o.systemUID...)
	} else {
		w.id = append(w.id, w.res.Scan.SystemID...)
	}
	w.id = append(append(w.id, '/'), id...)
	return w.id
}

func prefixed(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func (w *work) emit(c *securityevent.Check, f *securityevent.Finding) error {
	w.res.Mapped++
	w.summary.row(c)
	w.event = w.enc.Append(w.event[:0], f, w.in.Now())
	return w.in.Emit(w.event)
}
