package appliance

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// results is the document of /results. Each level writes its members one by one, so
// that only one object is in memory at a time.
type results struct {
	Results elements `json:"results"`
}

type elements struct {
	estate       *estate
	analyses     map[string]analysis
	detectedOnly bool
}

// MarshalJSONTo writes one element per system.
func (e elements) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, s := range e.estate.list {
		analysis := e.analyses[s.ID]
		if !analysis.shown() {
			continue
		}
		status := s.status(analysis)
		issues := issueList{system: s, plan: s.shown(analysis), detectedOnly: e.detectedOnly}
		var element any = earlyElement{UID: s.ID, Name: s.memberName, Status: status, Issues: issues}
		if s.lateStatus {
			element = lateElement{UID: s.ID, Name: s.memberName, Definitions: definitionsVersion, Issues: issues, Status: status}
		}
		if err := json.MarshalEncode(enc, element); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

// earlyElement and lateElement are the same element with its members in two orders.
type earlyElement struct {
	UID    string     `json:"uid"`
	Name   string     `json:"name,omitzero"`
	Status scanStatus `json:"scanStatus"`
	Issues issueList  `json:"issues"`
}

type lateElement struct {
	UID         string     `json:"uid"`
	Name        string     `json:"name,omitzero"`
	Definitions string     `json:"definitions"` // a member that no client knows
	Issues      issueList  `json:"issues"`
	Status      scanStatus `json:"scanStatus"`
}

// status returns the status of the last ended scan, also while a newer one runs; a
// system with showsRunning then has the status RUNNING.
func (s *system) status(a analysis) scanStatus {
	status := scanStatus{Status: cmp.Or(a.failed, statusFinished), Timestamp: a.ended.Format(timeLayout)}
	if a.running && s.showsRunning {
		status.Status = statusRunning
	}
	return status
}

// shown returns the issues that the results of an analysis hold.
func (s *system) shown(a analysis) []plannedIssue {
	if a.empty {
		return nil
	}
	return s.plan
}

type issueList struct {
	system       *system
	plan         []plannedIssue
	detectedOnly bool
}

// MarshalJSONTo writes one issue after the other.
func (l issueList) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for i := range l.plan {
		planned := &l.plan[i]
		if l.detectedOnly && !detected(planned.status) {
			continue
		}
		if err := json.MarshalEncode(enc, l.system.document(planned)); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

func (s *system) document(p *plannedIssue) issue {
	document := issue{
		checkInfo: s.info(p), Status: p.status, Affected: p.counted, Objects: objectList{system: s, issue: p},
	}
	if p.number%17 == 0 {
		document.Extra = raw(`{"Section":"3.4 \u00a7 caf\u00e9","Level":[1,null,{}],"Scored":true}`)
	}
	if p.number%19 == 0 {
		document.Ranking = raw(`1.50`)
	}
	return document
}

// info returns the description of an issue's check, the same in both APIs.
func (s *system) info(p *plannedIssue) checkInfo {
	return checkInfo{
		ID: p.id, DisplayID: p.displayID, Affects: p.affects, AppliesTo: p.layer, Severity: p.severity,
		Type: p.profile, Title: p.title, URL: p.url, Products: []product{{Name: s.platform.product}},
	}
}

type objectList struct {
	system *system
	issue  *plannedIssue
	// analysed adds the objects that passed, and tells each object's status.
	analysed bool
}

// IsZero reports whether the member is left out.
func (l objectList) IsZero() bool { return l.issue.objects == objectsMissing }

// MarshalJSONTo writes one object after the other.
func (l objectList) MarshalJSONTo(enc *jsontext.Encoder) error {
	if l.issue.objects == objectsNull {
		return enc.WriteToken(jsontext.Null)
	}
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	write := []func(*jsontext.Encoder) error{l.writeAffected, l.writePassed}
	if l.issue.number%2 == 0 { // affected objects need not come first in a real list
		slices.Reverse(write)
	}
	for _, write := range write {
		if err := write(enc); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

func (l objectList) writeAffected(enc *jsontext.Encoder) error {
	random := l.system.evidenceRandom(l.issue.number)
	var values []resultValue
	for i := l.issue.first; i < l.issue.first+l.issue.listed; i++ {
		object := l.system.affected(&l.issue.kind, i)
		values = appendEvidence(values[:0], l.issue.check, random)
		object.ResultValues = values
		if l.analysed && l.issue.tellsObjects() {
			object.Status = l.issue.status
		}
		if err := json.MarshalEncode(enc, &object); err != nil {
			return err
		}
	}
	return nil
}

// writePassed writes the passed objects: those of the same kind that come next after
// the affected ones.
func (l objectList) writePassed(enc *jsontext.Encoder) error {
	if !l.analysed {
		return nil
	}
	end := l.issue.first + l.issue.listed
	for i := end; i < end+l.issue.passed(); i++ {
		object := l.system.affected(&l.issue.kind, i)
		object.Status = statusPassed
		if err := json.MarshalEncode(enc, &object); err != nil {
			return err
		}
	}
	return nil
}

// affected returns the i-th object of a kind, without evidence. It is the same in
// every issue.
func (s *system) affected(kind *objectKind, i int) affectedObject {
	object := affectedObject{VCUID: s.ID, Type: &kind.name}
	object.MOID, object.Name = kind.locate(s, i)
	if len(s.regions) > 0 {
		object.VCUID = s.regions[i%len(s.regions)]
	}
	if kind.untypedEvery > 0 && i%kind.untypedEvery == kind.untypedEvery-1 {
		object.Type = nil
	}
	if i%23 == 22 {
		object.Extra = raw(`{"moid":"group-1","path":"\/Datacenter\/vm"}`)
	}
	return object
}

// longValue is longer than the 3,000 characters at which the mapping cuts evidence,
// and has characters of several bytes near the cut.
var longValue = strings.Repeat("rule: allow any → any; ", 140)

// appendEvidence makes the values of one object. They come from a handful of
// possibilities, since common misconfigurations are found by equal evidence; every
// fourth check has none.
func appendEvidence(values []resultValue, c *check, random *rand.Rand) []resultValue {
	for n := range c.number % 4 {
		value := resultValue{Description: c.setting}
		if n > 0 {
			value.Description = "related setting"
		}
		value.Value = observed[random.IntN(len(observed))]
		if random.IntN(500) == 0 {
			value.Value = longValue
		}
		values = append(values, value)
	}
	return values
}

var observed = []string{"disabled", "", "0", `not "on"`, "Ümlaut – 値"}
