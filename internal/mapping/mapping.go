// Package mapping turns Runecast results into security events. It is pure: the
// same document under the same settings makes the same events in the same
// order, only scan ids and time stamps differ. It promises that what the
// posture dashboard shows over its events is what the appliance shows.
//
// It counts by reason what it does not send, or does not send as it came; see the
// Reason constants. An issue with an unknown status is not sent. An unknown severity
// is sent as LOW, together with its own word. A missing title is replaced by the
// rule's id. An object without an id is identified by its name, and a finding on an
// object without either is one on the system. An issue without an id or without a
// profile is not sent.
package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// version counts the changes of the mapping that alter events or their order.
const version = 3

// Mapper maps documents by its settings. It is safe for concurrent use.
type Mapper struct {
	settings  Settings
	standards standardTable
	included  []runecast.Class // classes other than security profiles that INCLUDE_TYPES names
	minRank   int              // of MIN_SEVERITY
	hash      string
}

// New makes a mapper.
func New(settings Settings) *Mapper {
	if settings.Fields == securityevent.AllFields {
		settings.Fields = ""
	}
	text, _ := json.Marshal(settings, json.Deterministic(true)) // plain strings and booleans
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", version, text))
	minRank := rank(settings.MinSeverity)
	var included []runecast.Class
	for _, code := range settings.IncludeTypes {
		if c := runecast.ClassOf(code); c != runecast.Security && c != runecast.NoProfile {
			included = append(included, c)
		}
	}
	return &Mapper{settings, newStandardTable(settings.Standards), included, minRank, hex.EncodeToString(sum[:8])}
}

// Hash returns a text that identifies the mapping's version and settings: event
// indexes mean the same only under the same hash.
func (m *Mapper) Hash() string { return m.hash }

// Input is one document to map.
type Input struct {
	Document *Document
	// Catalog has the metadata of rules; may be nil.
	Catalog *Catalog
	// ScanID is given to every event: a random UUID of this generation.
	ScanID string
	// Now stamps the events.
	Now func() time.Time
	// Reopen opens the same document a second time, and returns it with a function
	// that closes it. It is called if an issue has more objects than are held in
	// memory. Nil: all objects of an issue are held.
	Reopen func() (*Document, func() error, error)
	// Emit takes the next event, valid during the call only.
	Emit func(event []byte) error
	// Begin takes the beginning that all findings of the next rule have in common,
	// valid until the next call. Emit then takes only the rest of each finding. Nil:
	// Emit takes whole findings.
	Begin func(shared []byte)
	// Room returns memory for the next finding, into which it is written for Emit if
	// it fits; may be nil.
	Room func() []byte
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
	// Mapped counts all events of the document, and Skipped those of them that the
	// settings leave out, so that they were not sent.
	Mapped, Skipped int64
	// Assessed reports whether a rule was assessed that findings show: one of a
	// security profile, or of KB and BP where INCLUDE_TYPES names them. A scan
	// without such a rule must not be committed: it would show as all clear.
	Assessed bool
	// Nothing says why no rule that the settings ask for was assessed, with a cure;
	// nil: one was. If Nothing is nil and Assessed is false, only vulnerabilities were
	// assessed.
	Nothing error
	// Summary is the posture over the events sent.
	Summary securityevent.Summary
	// Rows counts the findings sent.
	Rows map[Row]int64
	// Rules is the worst status of each rule's rows, by rule id, in no order. If there
	// are more than 50,000 rules, the ids of those beyond are empty.
	Rules iter.Seq2[string, securityevent.Status]
	// Reasons counts issues by Reason constant.
	Reasons map[string]int64
	// Unknown are the statuses and severities that were not known, once each, at most 20.
	Unknown []string
}

// Map emits the findings of a document. Errors are faults of class Reject for
// bad input, else those of Emit or of the document's reader.
func (m *Mapper) Map(in Input) (Result, error) {
	w := m.work(in)
	w.enc = securityevent.NewEncoder(m.settings.EventModel, &w.res.Scan)
	w.enc.SetFields(m.settings.Fields)
	var seen runecast.Assessment
	err := w.read(m.settings.OriginalContent, func(listed int) error {
		seen.Add(&w.issues.Issue)
		return w.issue(listed)
	})
	w.res.Summary, w.res.Rows, w.res.Rules = w.summary.close(), w.summary.rows, w.summary.verdicts()
	w.res.Scan.Findings = w.res.Mapped - w.res.Skipped
	w.res.judge(&seen, m.included)
	return w.res, err
}

// judge sets Assessed and Nothing by the rules of the document. included are the
// classes that the settings ask for in addition to security profiles.
func (r *Result) judge(a *runecast.Assessment, included []runecast.Class) {
	if nothing := a.Nothing(included...); nothing != nil {
		r.Nothing = nothing
		return
	}
	r.Assessed = a.Assessed(runecast.Security) > 0
	for _, c := range included {
		r.Assessed = r.Assessed || c != runecast.Vulnerability && a.Assessed(c) > 0
	}
}

// work is one reading of a document.
type work struct {
	m        *Mapper
	in       Input
	enc      *securityevent.Encoder
	issues   *runecast.IssueReader
	survey   map[int]surveyed // by the issue's index in the document; nil: not taken yet
	summary  *summary
	res      Result
	event    []byte // memory of the last event
	id       []byte // memory of the last object's id
	evidence evidence
	original original
}

func (m *Mapper) work(in Input) *work {
	w := &work{
		m: m, in: in, summary: newSummary(),
		res: Result{Scan: m.scanOf(&in.Document.Envelope, in.ScanID), Reasons: map[string]int64{}},
	}
	if m.settings.OriginalContent {
		w.res.Scan.Original, _ = json.Marshal(&in.Document.Envelope) // plain texts and times
	}
	return w
}

// read calls each for every issue of the document, with the number of objects that
// the document lists. each may read the objects, or leave them.
func (w *work) read(keepRaw bool, each func(listed int) error) error {
	d := w.in.Document
	w.issues = runecast.NewIssueReader(d.w, runecast.IssueOptions{KeepRaw: keepRaw, HoldAll: w.in.Reopen == nil})
	index := -1
	return d.issues(func() error {
		index++
		if err := w.issues.Read(); err != nil {
			return err
		}
		listed := w.issues.Listed()
		if w.issues.More() {
			s, err := w.surveyed(index, keepRaw)
			if err != nil {
				return err
			}
			w.issues.Issue, listed = s.issue, s.listed
		}
		if err := each(listed); err != nil {
			return err
		}
		return w.issues.Finish()
	})
}

// surveyed is what a first look at the document found out about an issue whose
// objects are too many to be held: all of its members, and how many objects
// there are. Whether the list fits the count must be known before the first
// finding goes out, and the status may come after the objects.
type surveyed struct {
	issue  runecast.Issue
	listed int
}

// surveyed returns what the survey found out about an issue. The first call
// takes the survey: it reads the document again.
func (w *work) surveyed(index int, keepRaw bool) (surveyed, error) {
	if w.survey == nil {
		if err := w.takeSurvey(keepRaw); err != nil {
			return surveyed{}, err
		}
	}
	s, ok := w.survey[index]
	if !ok {
		return s, reject("the document changed while it was read", "deliver it again")
	}
	return s, nil
}

// takeSurvey reads the document a second time and notes every issue with more objects
// than are held.
func (w *work) takeSurvey(keepRaw bool) error {
	d, done, err := w.in.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = done() }()
	w.survey = map[int]surveyed{}
	r := runecast.NewIssueReader(d.w, runecast.IssueOptions{KeepRaw: keepRaw, CountOnly: true})
	index := -1
	return d.issues(func() error {
		index++
		if err := r.Read(); err != nil || !r.More() {
			return err
		}
		err := r.Finish()
		s := surveyed{issue: r.Issue, listed: r.Listed()}
		s.issue.Products = slices.Clone(s.issue.Products)
		w.survey[index] = s
		return err
	})
}

// issue emits the findings of the current issue. listed is the number of its objects
// in the document.
func (w *work) issue(listed int) error {
	h := &w.issues.Issue
	rule, v, ok := w.rule(h)
	if !ok {
		return nil
	}
	rule.Affected = max(h.Count, 0)
	if h.Count < 0 {
		rule.Affected = int64(listed)
	}
	perObject := listed > 0 && (v.status != securityevent.Passed || w.m.settings.PassedObjects == PassedOnObjects)
	switch {
	case perObject && v.status != securityevent.Passed && w.ambiguous(listed):
		w.res.Reasons[ReasonObjectsAmbiguous]++
		perObject = false
	case v.status == securityevent.Failed && int64(listed) < rule.Affected:
		w.res.Reasons[ReasonObjectsShort]++
	}
	if w.skips(rule) {
		w.skip(perObject, listed)
		return nil
	}
	w.enc.SetRule(rule)
	if w.in.Begin != nil {
		w.in.Begin(w.enc.Shared())
	}
	w.begin()
	if !perObject {
		return w.emitSystem(rule)
	}
	return w.emitObjects(rule, v)
}

// skip counts the findings of the current issue that the settings leave out: one
// per listed object, or one on the system.
func (w *work) skip(perObject bool, listed int) {
	rows := int64(1)
	if perObject {
		rows = int64(listed)
	}
	w.res.Mapped += rows
	w.res.Skipped += rows
}

// begin prepares the original content of the current issue's events.
func (w *work) begin() {
	if w.m.settings.OriginalContent {
		w.original.set(&w.issues.Issue)
	}
}

// ambiguous reports whether it is not known which of the listed objects the current
// issue affects: more are listed than affected, and they have no status of their own.
func (w *work) ambiguous(listed int) bool {
	first := w.issues.First()
	ownStatus := first != nil && len(first.Status) > 0
	return !ownStatus && w.issues.Issue.Count >= 0 && int64(listed) > w.issues.Issue.Count
}

// rule returns what the findings of an issue share; false: the issue is not sent at all.
func (w *work) rule(h *runecast.Issue) (*securityevent.Rule, verdict, bool) {
	class, id := runecast.ClassOf(h.Profile), h.ShownID()
	switch {
	case class == runecast.NoProfile:
		w.res.Reasons[ReasonNoProfile]++
		return nil, verdict{}, false
	case class == runecast.Vulnerability && w.m.vulnerabilities(): // Extra sends and counts it
		return nil, verdict{}, false
	case !w.m.shows(class):
		w.res.Reasons[ReasonNotCompliance]++
		return nil, verdict{}, false
	case id == "":
		w.res.Reasons[ReasonNoRuleID]++
		return nil, verdict{}, false
	}
	status := runecast.ParseStatus(h.Status)
	v, ok := verdictOf(status)
	switch {
	case status == runecast.StatusUnlicensed:
		w.unlicensed(h)
		return nil, v, false
	case !ok:
		w.unknown(ReasonUnknownStatus, h.Status)
		return nil, v, false
	}
	severity, known := severityOf(h.Severity)
	if !known {
		w.unknown(ReasonUnknownSeverity, h.Severity)
	}
	std := w.m.standards.on(h.Profile, w.res.Scan.SystemType)
	r := &securityevent.Rule{
		RuleID: std.ruleID(h.Profile, id), Title: h.Title, Severity: severity, RiskKnown: known, VendorSeverity: h.Severity,
		StandardShortName: std.shortName, StandardName: std.name, StandardURL: std.url,
		URL: h.URL, IssueID: id, Profile: h.Profile, VendorStatus: h.Status, Status: v.status,
	}
	w.in.Catalog.describe(r, h, &w.m.settings)
	if r.Title == "" {
		r.Title = r.RuleID
		w.res.Reasons[ReasonNoTitle]++
	}
	return r, v, true
}

// unlicensed counts a rule that was not assessed for want of a licence. The scan's
// summary counts it only if the settings would send it.
func (w *work) unlicensed(h *runecast.Issue) {
	w.res.Reasons[ReasonUnlicensed]++
	if severity, _ := severityOf(h.Severity); !w.leavesOut(h.Profile, severity) {
		w.summary.unlicensed[w.m.standards.on(h.Profile, w.res.Scan.SystemType).shortName]++
	}
}

// shows reports whether rules of a class become findings of compliance.
func (m *Mapper) shows(c runecast.Class) bool {
	return c == runecast.Security || (c == runecast.Knowledge || c == runecast.BestPractice) && slices.Contains(m.included, c)
}

// unknown counts an issue with an unknown status or severity, and notes the word.
func (w *work) unknown(reason, value string) {
	w.res.Reasons[reason]++
	word := reason + " " + string(cut([]byte(value), 40))
	if len(w.res.Unknown) < 20 && !slices.Contains(w.res.Unknown, word) {
		w.res.Unknown = append(w.res.Unknown, word)
	}
}

// skips reports whether the settings leave a rule out.
func (w *work) skips(r *securityevent.Rule) bool {
	return !slices.Contains(w.m.settings.IncludeResults, r.Status) || w.leavesOut(r.Profile, r.Severity)
}

// leavesOut reports whether the settings leave out rules of a profile and a
// severity, whatever their verdict.
func (w *work) leavesOut(profile string, severity securityevent.Severity) bool {
	return rank(severity) < w.m.minRank || slices.Contains(w.m.settings.ExcludeTypes, runecast.NormalCode(profile))
}
