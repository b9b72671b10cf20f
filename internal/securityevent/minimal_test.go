package securityevent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"runecast-ingest/internal/securityevent"
)

func TestMinimal(t *testing.T) {
	t.Parallel()
	c := rule()
	c.Title = strings.Repeat("Ü", 9000)
	e := securityevent.NewEncoder(securityevent.Both, guarded())
	e.SetRule(c)
	full := e.Append(nil, &securityevent.Finding{ObjectID: []byte(strings.Repeat("i", 2000)), ObjectName: []byte("n"), ObjectType: []byte("Höst\u0000"), Evidence: []byte(`["x"]`)}, at())
	small := securityevent.Minimal(full)
	var before, got map[string]any
	if json.Unmarshal(full, &before) != nil || json.Unmarshal(small, &got) != nil {
		t.Fatalf("no JSON: %s", small)
	}
	for name, want := range map[string]any{
		"compliance.rule.title": "CIS-1", "finding.title": "CIS-1", "rule.name": "CIS-1", "finding.severity": "HIGH", "object.type": "H??st?",
		"compliance.result.object.evidence_json": "[]", "object.id": strings.Repeat("i", 512), "object.name": nil, "compliance.standards": nil,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	for _, same := range []string{"finding.id", "event.id", "scan.id", "dt.security_context", "compliance.result.status.level", "compliance.rule.severity.score", "compliance.standard.short_name", "timestamp"} {
		if got[same] == nil || got[same] != before[same] {
			t.Errorf("%s = %v, was %v", same, got[same], before[same])
		}
	}
	if len(small) > 3000 {
		t.Errorf("%d bytes", len(small))
	}
}

// team is a value of dt.security_context that is not ASCII, and stays as it is.
var team = "Team Süd " + strings.Repeat("x", 200)

// guarded is a scan that one team alone may read.
func guarded() *securityevent.Scan {
	s := scan()
	s.Context = append(s.Context, securityevent.Context{Key: "dt.security_context", Value: team})
	return s
}

func TestWithoutEvidence(t *testing.T) {
	t.Parallel()
	e := securityevent.NewEncoder(securityevent.Both, scan())
	e.SetRule(rule())
	f := securityevent.Finding{ObjectID: []byte("o"), ObjectType: []byte("T"), Evidence: []byte(`["` + strings.Repeat("x", 5000) + `"]`), Original: []byte(strings.Repeat("y", 5000))}
	full := e.Append(nil, &f, at())
	f.Evidence, f.Original = nil, nil
	if got, want := securityevent.WithoutEvidence(full), e.Append(nil, &f, at()); string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReducingWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "[]", "{", `{"a":`, "null"} {
		if got := securityevent.Minimal([]byte(text)); got != nil {
			t.Errorf("%q gives %s", text, got)
		}
	}
}

// Coverage and vulnerabilities have a minimal form as well.
func TestMinimalExtrasFitTheSchema(t *testing.T) {
	t.Parallel()
	v := newValidator(t)
	f, s := host(), guarded()
	w := vulnerability()
	w.Title, w.Component = "Lücke\n", "Größe"
	for name, event := range map[string][]byte{
		"vulnerability":      securityevent.AppendVulnerability(nil, s, w, &f, "raw/x", at()),
		"vulnerability scan": securityevent.AppendVulnerabilityScan(nil, s, "raw/x", at()),
		"coverage":           securityevent.AppendCoverage(nil, s, &f, "raw/x", at()),
	} {
		got := v.decode(t, securityevent.Minimal(event))
		if got["scan.id"] != s.ID || got["dt.security_context"] != team || got["hypervisor.type"] != nil || got["object.name"] != nil || name == "vulnerability" && (got["vulnerability.title"] != "VMSA-1" || got["component.name"] != "Gr????e") {
			t.Errorf("%s: %v", name, got)
		}
	}
}
