package mapping_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

// Lengths of the texts of a catalogue: the tenth, fiftieth and ninetieth
// percentile of what to look for and of what to do, in characters, in VMware's
// edition of DISA's STIG for vSphere 8 (478 rules; vmware/dod-compliance-and-automation,
// read 2026-11-29).
var (
	checkLengths = []int{309, 497, 718}
	fixLengths   = []int{199, 427, 833}
)

// prose is a text of so many characters, with quotes and lines as those texts have.
func prose(length int) string {
	const sentences = "Open the settings of the system and look for the value of \"policy\".\n\nor\n\nAsk for it in a shell:\n\nget --setting policy\n\nIf it differs from what the site has agreed upon, this is to be noted. "
	return strings.Repeat(sentences, length/len(sentences)+1)[:length]
}

// described gives rules of a catalogue texts of realistic lengths: either only the rules
// of DISA's STIG, which alone are known to have texts, or all rules.
func described(all bool) func(entry map[string]any) {
	n := 0
	return func(entry map[string]any) {
		if !all && entry["type"] != "STIG" {
			return
		}
		entry["checkDescription"], entry["fixDescription"] = prose(checkLengths[n%3]), prose(fixLengths[n%3])
		n++
	}
}

// TestBytesOfRuleTexts measures what the texts of a catalogue cost, and compares the
// table of COST.md with it: go test -v -run BytesOfRuleTexts ./internal/mapping prints it.
func TestBytesOfRuleTexts(t *testing.T) {
	t.Parallel()
	const findings = 2000
	catalogues := []estate{newEstate(t, findings, nil), newEstate(t, findings, described(false)), newEstate(t, findings, described(true))}
	catalogues[0].catalog = nil
	table, withTexts := "", 0
	for _, model := range []securityevent.Model{"both", "xspm", "external"} {
		for _, texts := range []mapping.RuleTexts{mapping.TextsOff, mapping.TextsShort, mapping.TextsFull} {
			table += fmt.Sprintf("| `%s` | `%s`", model, texts)
			m := settings(func(m *mapping.Settings) { m.EventModel, m.RuleTexts = model, texts })
			for i, e := range catalogues {
				size, events, texted := 0, 0, 0
				e.everyEvent(t, m, func(event []byte) error {
					size, events = size+len(event)+1, events+1
					texted += bytes.Count(event, []byte(`"compliance.remediation.description"`))
					return nil
				})
				if i == 1 {
					withTexts = 100 * texted / events
				}
				if events < findings {
					t.Fatalf("only %d events", events)
				}
				perThousand := (size/events + 5) / 10 * 10
				table += fmt.Sprintf(" | %d,%03d,000", perThousand/1000, perThousand%1000)
			}
			table += " |\n"
		}
	}
	t.Logf("of STIG alone: %d %% of the events\n%s", withTexts, table)
	cost, err := os.ReadFile("../../functions/forwarder/COST.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(cost), table) {
		t.Errorf("COST.md does not have\n%s", table)
	}
}
