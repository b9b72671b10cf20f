package securityevent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"runecast-ingest/internal/securityevent"
)

func at() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 5e6, time.UTC) }

func scan() *securityevent.Scan {
	return &securityevent.Scan{
		ID: "6d1b7b1e-0000-4000-8000-000000000001", Name: "vc1", ProductVersion: "6.9.12.0",
		Started: at().Add(-time.Hour), Completed: at().Add(-time.Minute),
		SystemID: "44c4a75d", SystemName: "vc1.example", SystemType: "VCENTER",
		Context: []securityevent.Context{{Key: "hypervisor.type", Value: "VMWARE"}, {Key: "vmware.vcenter.name", Value: ""}},
	}
}

func rule() *securityevent.Rule {
	return &securityevent.Rule{
		RuleID: "CIS-1", Title: "T", Severity: securityevent.High, RiskKnown: true, VendorSeverity: "Major",
		StandardShortName: "CIS", Status: securityevent.Failed, Affected: 2, IssueID: "1", Profile: "CIS", VendorStatus: "FAIL",
	}
}

// validator checks events by the schema.
type validator struct{ schema *jsonschema.Schema }

func newValidator(t testing.TB) validator {
	t.Helper()
	text, err := os.ReadFile("events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("events.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return validator{schema}
}

// decode returns the members of a valid event.
func (v validator) decode(t testing.TB, event []byte) map[string]any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		t.Fatalf("%v\n%s", err, event)
	}
	if err := v.schema.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, event)
	}
	if !jsontext.Value(event).IsValid() {
		t.Errorf("a member comes twice, or not UTF-8: %s", event)
	}
	var members map[string]any
	if err := json.Unmarshal(event, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func finding(t testing.TB, m securityevent.Model, s *securityevent.Scan, c *securityevent.Rule, f securityevent.Finding) map[string]any {
	t.Helper()
	e := securityevent.NewEncoder(m, s)
	e.SetRule(c)
	return newValidator(t).decode(t, e.Append(nil, &f, at()))
}

func host() securityevent.Finding {
	return securityevent.Finding{ObjectID: []byte("44c4a75d/host-1"), ObjectName: []byte("esx1"), ObjectType: []byte("HostSystem")}
}

func TestFinding(t *testing.T) {
	t.Parallel()
	f := host()
	f.Evidence, f.Original = []byte(`[{"type":"AUTOMATIC","description":"d","value":"\""}]`), []byte(`{"id":1.50}`)
	c := rule()
	c.StandardName, c.StandardURL, c.Control = "CIS Benchmarks", "https://cis.example", "3.2"
	c.Description, c.Remediation, c.Reason, c.URL, c.MetadataJSON = "Do it.", "Set it.", "Why.", "https://kb.example", `{"Section":"3"}`
	core := map[string]any{
		"event.kind": "SECURITY_EVENT", "event.type": "COMPLIANCE_FINDING", "event.name": "Compliance finding event", "event.category": "COMPLIANCE",
		"event.version": "1.309", "event.provider": "Runecast", "event.description": "Rule CIS-1 failed on esx1", "event.original_content": `{"id":1.50}`,
		"product.vendor": "Runecast", "product.name": "Runecast Analyzer", "product.version": "6.9.12.0", "timestamp": "2026-11-22T03:00:00.005Z",
		"scan.id": "6d1b7b1e-0000-4000-8000-000000000001", "scan.name": "vc1", "hypervisor.type": "VMWARE",
		"finding.type": "CONFIGURATION_ISSUE", "finding.title": "T", "finding.description": "Why.", "finding.severity": "HIGH", "finding.result": "FAIL",
		"finding.status": "OPEN", "finding.url": "https://kb.example", "finding.time.created": "2026-11-22T02:59:00.005Z",
		"dt.security.risk.level": "HIGH", "dt.security.risk.score": 8.9, "rule.id": "CIS-1", "rule.name": "T",
		"runecast.issue.id": "1", "runecast.profile": "CIS", "runecast.status": "FAIL", "runecast.severity": "Major", "runecast.objects.affected": 2.0, "runecast.system.id": "44c4a75d",
		"object.id": "44c4a75d/host-1", "object.name": "esx1", "object.type": "HostSystem",
		"compliance.control": "3.2", "compliance.remediation.description": "Set it.",
		"event.id": "92ca95af-3a7d-55ea-996e-7729daa1bb99", "finding.id": "534ce2e0-4a96-5390-beca-218c1924638b",
	}
	xspm := map[string]any{
		"compliance.rule.id": "CIS-1", "compliance.rule.title": "T", "compliance.rule.description": "Do it.", "compliance.rule.severity.level": "HIGH", "compliance.rule.severity.score": 7.0,
		"compliance.rule.metadata_json": `{"Section":"3"}`, "compliance.standard.short_name": "CIS", "compliance.standard.name": "CIS Benchmarks",
		"compliance.standard.url": "https://cis.example", "compliance.result.status.level": "FAILED", "compliance.result.status.score": 10.0,
		"compliance.result.description": "Why.", "compliance.result.object.name": "esx1", "compliance.result.object.type": "HostSystem",
		"compliance.result.object.evidence_json": `[{"type":"AUTOMATIC","description":"d","value":"\""}]`,
	}
	external := map[string]any{
		"compliance.status": "FAILED", "compliance.standards": []any{"CIS Benchmarks"},
		"compliance.requirements": []any{"CIS Benchmarks/3.2"}, "rule.description": "Do it.", "rule.type": "CIS",
	}
	for model, parts := range map[securityevent.Model][]map[string]any{
		securityevent.Both: {core, xspm, external}, securityevent.XSPM: {core, xspm}, securityevent.External: {core, external},
	} {
		t.Run(string(model), func(t *testing.T) {
			t.Parallel()
			want := map[string]any{}
			for _, part := range parts {
				for name, value := range part {
					if _, twice := want[name]; twice {
						t.Errorf("%s is in two models", name)
					}
					want[name] = value
				}
			}
			if d := cmp.Diff(want, finding(t, model, scan(), c, f)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A field without a known value is left out, unless consumers cannot do without it.
func TestFindingWithoutOptionalTexts(t *testing.T) {
	t.Parallel()
	c := rule()
	c.VendorSeverity = ""
	got := finding(t, securityevent.Both, &securityevent.Scan{ID: scan().ID, SystemID: "s"}, c, securityevent.Finding{ObjectID: []byte("s/o"), ObjectType: []byte("T")})
	for _, name := range []string{"product.version", "scan.name", "finding.description", "runecast.severity", "finding.url", "event.original_content",
		"compliance.rule.metadata_json", "compliance.standard.name", "compliance.standard.url", "compliance.result.description",
		"compliance.rule.description", "compliance.remediation.description", "rule.description"} {
		if v, there := got[name]; there {
			t.Errorf("%s = %v", name, v)
		}
	}
	for name, want := range map[string]any{
		"event.description": "Rule CIS-1 failed on s/o", "compliance.result.object.evidence_json": "[]",
		"object.name": "o", "compliance.result.object.name": "o", "finding.severity": "HIGH", "compliance.control": "CIS-1", "compliance.requirements": nil,
		"compliance.standards": []any{"CIS"}, "finding.time.created": "2026-11-22T03:00:00.005Z",
	} {
		if d := cmp.Diff(want, got[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestFindingIsCreatedWhenTheAnalysisEnded(t *testing.T) {
	t.Parallel()
	s := scan()
	if got := finding(t, securityevent.XSPM, s, rule(), host())["finding.time.created"]; got != "2026-11-22T02:59:00.005Z" {
		t.Errorf("created %v, want the end", got)
	}
	s.Completed, s.Archived = time.Time{}, s.Started
	if got := finding(t, securityevent.XSPM, s, rule(), host())["finding.time.created"]; got != "2026-11-22T02:00:00.005Z" {
		t.Errorf("created %v, want the run's start", got)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[securityevent.Status]map[string]any{
		"FAILED": {"compliance.result.status.score": 10.0, "compliance.status": "FAILED", "finding.result": "FAIL", "finding.status": "OPEN",
			"dt.security.risk.level": "HIGH", "dt.security.risk.score": 8.9, "event.description": "Rule CIS-1 failed on esx1"},
		"MANUAL": {"compliance.result.status.score": 7.0, "compliance.status": nil, "finding.result": "MANUAL", "finding.status": "OPEN",
			"dt.security.risk.level": "HIGH", "dt.security.risk.score": 8.9, "event.description": "Rule CIS-1 needs a manual check on esx1"},
		"PASSED": {"compliance.result.status.score": 4.0, "compliance.status": "PASSED", "finding.result": "PASS", "finding.status": "RESOLVED",
			"dt.security.risk.level": "NONE", "dt.security.risk.score": 0.0, "event.description": "Rule CIS-1 passed on esx1"},
		"NOT_RELEVANT": {"compliance.result.status.score": 1.0, "compliance.status": "NOT_RELEVANT", "finding.result": nil, "finding.status": nil,
			"dt.security.risk.level": "NONE", "dt.security.risk.score": 0.0, "event.description": "Rule CIS-1 is not relevant to esx1"},
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			c := rule()
			c.Status = status
			got := finding(t, securityevent.Both, scan(), c, host())
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s = %v, want %v", name, got[name], value)
				}
			}
		})
	}
}

func TestSeverities(t *testing.T) {
	t.Parallel()
	for severity, scores := range map[securityevent.Severity][2]float64{"CRITICAL": {10, 10}, "HIGH": {7, 8.9}, "MEDIUM": {4, 6.9}, "LOW": {1, 3.9}} {
		c := rule()
		c.Severity = severity
		got := finding(t, securityevent.Both, scan(), c, host())
		if got["compliance.rule.severity.score"] != scores[0] || got["dt.security.risk.score"] != scores[1] || got["dt.security.risk.level"] != string(severity) {
			t.Errorf("%s: %v %v %v", severity, got["compliance.rule.severity.score"], got["dt.security.risk.score"], got["dt.security.risk.level"])
		}
	}
	c := rule()
	c.RiskKnown = false
	if got := finding(t, securityevent.Both, scan(), c, host()); got["dt.security.risk.level"] != "NOT_AVAILABLE" || got["dt.security.risk.score"] != nil {
		t.Errorf("unknown severity: %v %v", got["dt.security.risk.level"], got["dt.security.risk.score"])
	}
}

func TestMinimalEventsFitTheSchema(t *testing.T) {
	t.Parallel()
	v := newValidator(t)
	for _, m := range []securityevent.Model{securityevent.Both, securityevent.XSPM, securityevent.External} {
		for _, status := range []securityevent.Status{securityevent.Failed, securityevent.Manual, securityevent.NotRelevant} {
			c := rule()
			c.Status, c.Title = status, "Prüfen\n"
			e := securityevent.NewEncoder(m, scan())
			e.SetRule(c)
			f := host()
			v.decode(t, securityevent.Minimal(e.Append(nil, &f, at())))
		}
	}
}

// The schema must refuse what the ingest or the dashboard would drop silently.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	v := newValidator(t)
	good := finding(t, securityevent.Both, scan(), rule(), host())
	for name, change := range map[string]func(map[string]any){
		"no type":                func(e map[string]any) { delete(e, "event.type") },
		"another type":           func(e map[string]any) { e["event.type"] = "DETECTION_FINDING" },
		"no title":               func(e map[string]any) { delete(e, "finding.title") },
		"empty title":            func(e map[string]any) { e["compliance.rule.title"] = "" },
		"no object":              func(e map[string]any) { delete(e, "object.id") },
		"unknown severity":       func(e map[string]any) { e["compliance.rule.severity.level"] = "Major" },
		"number as text":         func(e map[string]any) { e["dt.security.risk.score"] = "8.9" },
		"score of another level": func(e map[string]any) { e["compliance.result.status.score"] = 4.0 },
		"evidence is no JSON":    func(e map[string]any) { e["compliance.result.object.evidence_json"] = "none" },
		"evidence of a new kind": func(e map[string]any) { e["compliance.result.object.evidence_json"] = `[{"value":"v"}]` },
		"nested":                 func(e map[string]any) { e["compliance"] = map[string]any{"status": "FAILED"} },
		"half a model":           func(e map[string]any) { delete(e, "compliance.standards") },
		"time without a zone":    func(e map[string]any) { e["timestamp"] = "2026-11-22T03:00:00.005" },
		"short account":          func(e map[string]any) { e["aws.account.id"] = "1111" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := map[string]any{}
			for k, value := range good {
				bad[k] = value
			}
			change(bad)
			if err := v.schema.Validate(bad); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// A finding of an object with Plain set is written the same as one without.
func TestPlainObjectsAreWrittenAsAnyOther(t *testing.T) {
	t.Parallel()
	plain := rapid.StringMatching(`[ !#-\[\]-~]{0,40}`)
	long := rapid.SampledFrom([]int{1, 1, 1, 200})
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) []byte {
			return bytes.Repeat([]byte(plain.Draw(t, label)), long.Draw(t, label+" times"))
		}
		f := securityevent.Finding{ObjectID: text("id"), ObjectName: text("name"), ObjectType: text("type")}
		for _, fields := range []securityevent.Fields{securityevent.AllFields, securityevent.LeanFields} {
			for _, model := range []securityevent.Model{securityevent.Both, securityevent.XSPM, securityevent.External} {
				e := securityevent.NewEncoder(model, scan())
				e.SetFields(fields)
				e.SetRule(rule())
				f.Plain = false
				want := string(e.Append(nil, &f, at()))
				f.Plain = true
				if got := string(e.Append(nil, &f, at())); got != want {
					t.Fatalf("%s, %s: %s\nwant %s", fields, model, got, want)
				}
				if got := string(e.Shared()) + string(e.AppendOwn(nil, &f, at())); got != want {
					t.Fatalf("in two parts: %s\nwant %s", got, want)
				}
			}
		}
	})
}
