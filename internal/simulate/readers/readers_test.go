package readers

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// settings returns what the events of a golden file must have, under its settings.
func settings(file string) Expect {
	name := strings.TrimSuffix(filepath.Base(file), ".golden.ndjson")
	switch name {
	case "nsxt":
		return Expect{SecurityContext: "team-network"}
	case "horizon", "vcenter.original":
		return Expect{Texts: true, Originals: true}
	}
	return Expect{Texts: true, Lean: strings.HasPrefix(name, "vcenter.lean")}
}

// goldens returns the events of the mapping's golden files, by file.
func goldens(t *testing.T) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob("../../mapping/testdata/*.golden.ndjson")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d golden files: %v", len(files), err)
	}
	all := map[string][][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	}
	return all
}

// The events of all types of systems, in all models, are what their readers look for.
func TestGoldenEventsHaveNoFaults(t *testing.T) {
	t.Parallel()
	for file, events := range goldens(t) {
		for i, e := range events {
			if faults := Faults(e, settings(file)); faults != nil {
				t.Errorf("%s, line %d: %v", filepath.Base(file), i+1, faults)
			}
		}
	}
}

// without returns a change that takes a member away.
func without(name string) func(event) { return func(e event) { delete(e, name) } }

// with returns a change that sets a member.
func with(name string, value any) func(event) { return func(e event) { e[name] = value } }

// Each fault is found by the check that is for it, and by no other.
func TestEachCheckFindsItsFault(t *testing.T) {
	t.Parallel()
	mutants := map[string]struct {
		of      string
		changes map[string]func(event)
	}{
		"kind and type":         {"COMPLIANCE_FINDING", map[string]func(event){"another kind": with("event.kind", "SECURITY"), "no kind": without("event.kind")}},
		"provider":              {"COMPLIANCE_FINDING", map[string]func(event){"none": without("event.provider"), "another vendor": with("product.vendor", "RUNECAST")}},
		"affected object":       {"COMPLIANCE_FINDING", map[string]func(event){"no name": without("object.name"), "a null id": with("object.id", nil)}},
		"identity of a finding": {"VULNERABILITY_FINDING", map[string]func(event){"no time": without("finding.time.created"), "an empty type": with("finding.type", "")}},
		"severity in the dictionary's words": {"COMPLIANCE_FINDING", map[string]func(event){
			"the appliance's": func(e event) {
				e["finding.severity"], e["compliance.rule.severity.level"], e["runecast.severity"] = "Major", "Major", "Other"
			}}},
		"risk level": {"COMPLIANCE_FINDING", map[string]func(event){
			"unknown": func(e event) { e["dt.security.risk.level"] = "SEVERE"; delete(e, "dt.security.risk.score") }}},
		"score fits the level": {"COMPLIANCE_FINDING", map[string]func(event){
			"a score beside none": func(e event) {
				e["dt.security.risk.level"], e["dt.security.risk.score"] = "NOT_AVAILABLE", 0.0
			},
			"no score": without("dt.security.risk.score"), "a text": with("dt.security.risk.score", "10"), "too low": with("dt.security.risk.score", 0.5)}},
		"scan of a finding": {"COMPLIANCE_FINDING", map[string]func(event){"no id": without("scan.id"), "no name": without("scan.name")}},
		"times":             {"COMPLIANCE_SCAN_COMPLETED", map[string]func(event){"a number": with("timestamp", 1.0), "no zone": with("scan.time.started", "2026-11-22T02:00:00")}},
		"analysis ends after it starts": {"COMPLIANCE_SCAN_COMPLETED", map[string]func(event){
			"starts at its end": with("scan.time.started", "2036-11-22T02:00:00Z")}},
		"scan events hold no findings": {"COMPLIANCE_SCAN", map[string]func(event){
			"a severity": with("finding.severity", "HIGH"), "counts": with("scan.findings.critical", 1.0), "a risk": with("dt.security.risk.level", "HIGH")}},
		"component of a vulnerability": {"VULNERABILITY_FINDING", map[string]func(event){"none": without("component.name")}},
		"rule":                         {"COMPLIANCE_FINDING", map[string]func(event){"no name": without("rule.name"), "no id": without("rule.id")}},
		"control":                      {"COMPLIANCE_FINDING", map[string]func(event){"none": without("compliance.control")}},
		"status of the external model": {"COMPLIANCE_FINDING", map[string]func(event){"manual": with("compliance.status", "MANUAL")}},
		"lists":                        {"COMPLIANCE_FINDING", map[string]func(event){"one text": with("compliance.standards", "CIS"), "empty": with("compliance.requirements", []any{})}},
		"models do not mix":            {"COMPLIANCE_FINDING", map[string]func(event){"results alone": without("compliance.rule.id"), "rules alone": without("compliance.result.status.level")}},
		"texts in the dictionary's fields": {"COMPLIANCE_FINDING", map[string]func(event){
			"only in JSON": with("compliance.rule.metadata_json", `{"Fix":"Set it."}`)}},
		"facts beside their JSON": {"COMPLIANCE_FINDING", map[string]func(event){
			"another id": with("compliance.rule.metadata_json", `{"Runecast ID":"CIS-9"}`), "no JSON": with("compliance.rule.metadata_json", `{`)}},
		"status and result": {"COMPLIANCE_FINDING", map[string]func(event){"another": with("compliance.status", "PASSED"), "none": without("compliance.status")}},
		"standard and severity of a finding": {"COMPLIANCE_FINDING", map[string]func(event){
			"another severity": with("compliance.rule.severity.level", "LOW"), "another result": with("compliance.result.status.level", "PASSED"),
			"another standard": with("compliance.standards", []any{"PCI DSS"})}},
		"vendor's words beside the dictionary's": {"COMPLIANCE_FINDING", map[string]func(event){"the same word": func(e event) { e["runecast.severity"] = e["finding.severity"] }}},
		"original content":                       {"COMPLIANCE_FINDING", map[string]func(event){"not asked for": with("event.original_content", "{}")}},
		"security context":                       {"COMPLIANCE_FINDING", map[string]func(event){"of another team": with("dt.security_context", "team-b")}},
	}
	good := map[string][]byte{}
	for _, e := range goldens(t)["../../mapping/testdata/vcenter.golden.ndjson"] {
		var members event
		if err := json.Unmarshal(e, &members); err != nil {
			t.Fatal(err)
		}
		if kind := members.text("event.type"); good[kind] == nil {
			good[kind] = e
		}
	}
	for _, e := range goldens(t)["../../mapping/testdata/aws.golden.ndjson"] {
		if bytes.Contains(e, []byte(`"COMPLIANCE_SCAN"`)) {
			good["COMPLIANCE_SCAN"] = e
		}
	}
	for _, c := range checks() {
		name := c.name
		m, ok := mutants[name]
		if !ok {
			t.Errorf("%s: nothing shows that it is made", name)
		}
		for what, change := range m.changes {
			var e event
			if err := json.Unmarshal(good[m.of], &e); err != nil {
				t.Fatalf("%s: no event of type %s: %v", name, m.of, err)
			}
			change(e)
			text, err := json.Marshal(map[string]any(e))
			if err != nil {
				t.Fatal(err)
			}
			faults := Faults(text, Expect{Texts: true})
			if len(faults) == 0 || !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, name+": ") }) || len(faults) > 1 {
				t.Errorf("%s, %s: %v", name, what, faults)
			}
		}
	}
	if len(mutants) != len(checks()) {
		t.Errorf("%d mutants, %d checks", len(mutants), len(checks()))
	}
	if faults := Faults(good["COMPLIANCE_FINDING"], Expect{Texts: true, Originals: true}); len(faults) != 1 {
		t.Errorf("without its original: %v", faults)
	}
	described := Expect{Texts: true, Described: map[string]Described{}}
	var e event
	if err := json.Unmarshal(good["COMPLIANCE_FINDING"], &e); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rule.description", "compliance.rule.description", "compliance.remediation.description"} {
		delete(e, name)
	}
	described.Described[e.text("runecast.issue.id")] = Described{Description: true, Remediation: true}
	if what := texts(e, described); what == "" {
		t.Error("a text of the catalogue is missed by nobody")
	}
	e["rule.description"] = "Set it."
	if what := texts(e, Expect{}); what == "" {
		t.Error("a text that was not asked for is seen by nobody")
	}
	if what := besideJSON(event{"event.type": "COMPLIANCE_SCAN_COMPLETED"}, Expect{}); what == "" {
		t.Error("a scan that does not say what was not assessed is missed by nobody")
	}
	if faults := Faults([]byte(`[`), Expect{}); len(faults) != 1 {
		t.Errorf("no JSON: %v", faults)
	}
}

// Every reader looks for something, and nothing is looked for by nobody.
func TestReadersShareTheChecks(t *testing.T) {
	t.Parallel()
	looked := map[string]bool{}
	for _, r := range Readers() {
		for _, name := range r.Checks {
			if !slices.ContainsFunc(checks(), func(c check) bool { return c.name == name }) {
				t.Errorf("%s looks for %q, which is no check", r.Name, name)
			}
			looked[name] = true
		}
		if !r.Reads(ModelBoth) {
			t.Errorf("%s does not read the model both", r.Name)
		}
	}
	for _, c := range checks() {
		if !looked[c.name] {
			t.Errorf("nobody looks for %s", c.name)
		}
	}
}
