package mapping

import (
	"encoding/json"
	"strings"
	"testing"

	"runecast-ingest/internal/runecast"
)

// An object with very many values says how many are left out.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	values := make([]runecast.ResultValue, 1000)
	for i := range values {
		values[i] = runecast.ResultValue{Description: []byte("rule"), Value: []byte(strings.Repeat("\x00", 900))}
	}
	for name, c := range map[string]struct{ values, entries, left int }{"none": {}, "few": {3, 3, 0}, "many": {1000, 14, 987}} {
		e := evidence{text: []byte("of the object before")}
		var text string
		if err := json.Unmarshal(e.of(values[:c.values], false), &text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []map[string]string
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(text) > maxEvidenceText+maxEvidence*6 || len(got) != c.entries {
			t.Errorf("%s: %d entries in %d bytes", name, len(got), len(text))
		}
		if c.left > 0 && (got[len(got)-1]["description"] != "values left out" || got[len(got)-1]["value"] != "987" || got[0]["value"] != string(values[0].Value)) {
			t.Errorf("%s: the last of %d entries is %v", name, len(got), got[len(got)-1])
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"M_FAIL", "m_pass", "MANUAL", "NOT_APPLICABLE", "NOT_RELEVANT", "Filtered"} {
		if reason := reasonOf(status); !strings.HasSuffix(reason, ".") {
			t.Errorf("%s: %q", status, reason)
		}
	}
	for _, status := range []string{"FAIL", "PASS", "", "PENDING"} {
		if reason := reasonOf(status); reason != "" {
			t.Errorf("%s: %q", status, reason)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abc", "üöäß": "üöä", "\xff\xff\xff\xff": "\xff\xff\xff", "👩👩👩👩": "👩👩👩"} {
		if got := string(cut([]byte(text), 3)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
