package mapping_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/mapping"
)

func decode(t testing.TB, text []byte) event {
	t.Helper()
	var members event
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return members
}

// Texts of all kinds in any member come out as they went in, or cut where that is
// documented, in events that fit the schema.
func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10<<20)
	for name, c := range map[string]struct{ quoted, want string }{
		"control characters":  {`\u0000\u0001\u001b[31m\r\n\t\u2028`, "\x00\x01\x1b[31m\r\n\t\u2028"},
		"invalid UTF-8":       {"a\xff\xc3(b", "a\ufffd\ufffd(b"},
		"lone surrogates":     {`a\ud800b\udc00c`, "a\ufffdb\ufffdc"},
		"surrogate pairs":     {`\ud83d\udc69\u200d\ud83d\udcbb`, "👩‍💻"},
		"markup":              {`</script><!--\"\\\/`, `</script><!--"\/`},
		"right-to-left marks": {`\u202eexe\u200f`, "\u202eexe\u200f"},
		"10 MB":               {long, long[:4096] + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := eventSchema(t)
			issue := `{"id":"§","issueDisplayId":"§","severity":"§","type":"§","title":"§","url":"§","appliesTo":"§","products":[{"name":"§"}],"status":"FAIL","affectedObjectsCount":1,` +
				`"affectedObjects":[{"vcUid":"§","moid":"§","name":"§","type":"§","resultValues":[{"description":"§","value":"§"}]}]}`
			quoted := c.quoted
			if len(quoted) > 100_000 { // the title alone is that long
				quoted = quoted[:100_000]
			}
			text := raw("s-1", "VCENTER", strings.ReplaceAll(strings.Replace(issue, `"title":"§"`, `"title":"`+c.quoted+`"`, 1), "§", quoted))
			text = strings.Replace(text, `"name":"vc1.example"`, `"name":"`+quoted+`"`, 1)
			var events []event
			err := everything(t, settings(func(m *mapping.Settings) { m.Coverage = "object" }), text, nil, func(b []byte) error {
				events = append(events, decode(t, b))
				return valid(schema, b)
			})
			if err != nil || len(events) != 4 { // finding, coverage of the object and of the system, completed
				t.Fatalf("%d events, %v", len(events), err)
			}
			for i, names := range [][]string{
				{"finding.title", "object.name", "object.type", "runecast.severity", "finding.url", "compliance.rule.title"},
				{"object.name"}, {"object.name"}, {"object.name", "vmware.vcenter.name"},
			} {
				for _, n := range names {
					if got := events[i][n]; got != c.want {
						t.Errorf("event %d: %s is %.80q, want %.80q", i, n, got, c.want)
					}
				}
			}
			var evidence []map[string]string
			if err := json.Unmarshal([]byte(events[0]["compliance.result.object.evidence_json"].(string)), &evidence); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if name == "10 MB" {
				want = long[:3000]
			}
			if evidence[0]["value"] != want {
				t.Errorf("evidence %.80q", evidence[0]["value"])
			}
		})
	}
}

// Two objects whose long ids differ only at the end stay two.
func TestLongIDsStayApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	events, _, err := mapDocument(t, settings(nil), raw("s-1", "VCENTER", issue("CIS-1", "CIS", "Low", "FAIL", 2, object(long+"1", ""), object(long+"2", ""))), nil)
	if err != nil || len(events) != 2 {
		t.Fatal(len(events), err)
	}
	for _, name := range []string{"object.id", "finding.id", "event.id"} {
		if events[0][name] == events[1][name] {
			t.Errorf("%s is the same: %.80v", name, events[0][name])
		}
	}
	if n := len(fmt.Sprint(events[0]["object.id"])); n > 17_000 {
		t.Errorf("an id of %d bytes", n)
	}
}
