package mapping_test

import (
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
)

// RULE_TEXTS does not change what the dashboard shows as a rule's details.
func TestRuleDetailsDoNotDependOnRuleTexts(t *testing.T) {
	t.Parallel()
	c, err := mapping.ReadCatalog(strings.NewReader(`{"issues":[{"id":"1","checkDescription":"Look at it.","fixDescription":"Set it."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for texts, fields := range map[mapping.RuleTexts]any{mapping.TextsOff: nil, mapping.TextsShort: "Set it.", mapping.TextsFull: "Set it."} {
		events, _, err := mapDocument(t, settings(func(m *mapping.Settings) { m.RuleTexts = texts }), raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "PASS", 0)), c)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if details, _ := events[0]["compliance.rule.metadata_json"].(string); !strings.Contains(details, `"Check":"Look at it.","Fix":"Set it."`) {
			t.Errorf("%s: the details are %s", texts, details)
		}
		if got := events[0]["compliance.remediation.description"]; got != fields {
			t.Errorf("%s: the field holds %v, want %v", texts, got, fields)
		}
	}
}
