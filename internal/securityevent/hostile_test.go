package securityevent_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"runecast-ingest/internal/securityevent"
)

// Whatever the texts hold, the event is valid, and its members have those texts.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"controls": "\x00\x01\x1b[31m\r\n\t\u2028\u2029\x7f", "not UTF-8": "\xff\xc3(\xed\xa0\x80", "markup": `</script><!--"\/`, "right to left": "\u202eexe\u200f",
		"emoji": "👩‍💻", "dots": "a.b.c", "JSON": `"},{"event.type":"x`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rule()
			c.Title, c.RuleID, c.Profile, c.StandardShortName, c.StandardName, c.Control, c.Description = text, text, text, text, text, text, text
			c.VendorSeverity, c.VendorStatus, c.IssueID, c.URL, c.Reason = text, text, text, text, text
			s := scan()
			s.Name, s.SystemID, s.SystemName, s.ProductVersion = text, text, text, text
			got := finding(t, securityevent.Both, s, c, securityevent.Finding{ObjectID: []byte(text), ObjectName: []byte(text), ObjectType: []byte(text)})
			want := ""
			for _, r := range text { // what is not UTF-8 becomes one U+FFFD per byte
				want += string(r)
			}
			for _, name := range []string{"finding.title", "rule.id", "object.id", "object.name", "object.type", "runecast.profile", "scan.name", "compliance.standard.short_name"} {
				if got[name] != want {
					t.Errorf("%s = %q, want %q", name, got[name], want)
				}
			}
			if got["event.description"] != "Rule "+want+" failed on "+want {
				t.Errorf("event.description %q", got["event.description"])
			}
		})
	}
}

func TestVeryLongTextsAreCut(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]string{
		"ASCII": strings.Repeat("x", 10<<20), "two bytes": "y" + strings.Repeat("ü", 5<<20), "four bytes": "yy" + strings.Repeat("👩", 3<<20), "not UTF-8": strings.Repeat("\xff", 10<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rule()
			c.Title, c.RuleID, c.Profile = long, long, long
			e := securityevent.NewEncoder(securityevent.Both, scan())
			e.SetRule(c)
			event := e.Append(nil, &securityevent.Finding{ObjectID: []byte(long + "1"), ObjectName: []byte(long), ObjectType: []byte(long)}, at())
			if len(event) > 600_000 {
				t.Errorf("an event of %d bytes", len(event))
			}
			got := newValidator(t).decode(t, event)
			title, id := got["finding.title"].(string), got["object.id"].(string)
			if !strings.HasSuffix(title, "…") || strings.Contains(title, "�") != (name == "not UTF-8") || !utf8.ValidString(title) {
				t.Errorf("title ends in %q", title[len(title)-20:])
			}
			if name != "not UTF-8" && (!strings.HasPrefix(long, strings.TrimSuffix(title, "…")) || len(title) < 4090) {
				t.Errorf("title of %d bytes", len(title))
			}
			other := newValidator(t).decode(t, e.Append(nil, &securityevent.Finding{ObjectID: []byte(long + "2"), ObjectType: []byte("T")}, at()))
			if other["object.id"] == id || other["finding.id"] == got["finding.id"] {
				t.Errorf("two objects have one id, which ends in %q", id[len(id)-40:])
			}
		})
	}
}

// Evidence that is JSON stays JSON, as a string.
func TestJSONIsNotCut(t *testing.T) {
	t.Parallel()
	f := host()
	value := strings.Repeat(`\u0000`, 3000)
	f.Evidence = []byte(`[` + strings.Repeat(`{"type":"AUTOMATIC","description":"","value":"`+value+`"},`, 9) + `{"type":"MANUAL","description":"","value":""}]`)
	if got := finding(t, securityevent.XSPM, scan(), rule(), f)["compliance.result.object.evidence_json"]; got != string(f.Evidence) {
		t.Errorf("evidence of %d bytes became %d", len(f.Evidence), len(got.(string)))
	}
}

// Whatever the name and the id of an object are, its event is valid.
func FuzzFinding(f *testing.F) {
	for _, id := range []string{"44c4a75d/host-81", "arn:aws:s3:::b", "arn:aws:iam::111122223333:role/r", "/subscriptions/1/resourceGroups/rg/providers/a/b/c", "s/i-0123abcd", "s///x.googleapis.com/projects/p/z", "s/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"} {
		f.Add(id, "shop/cart", "Pod", "AWS")
		f.Add(id, "\xff\x00", "Deployment", "KUBERNETES_CLUSTER")
		f.Add(id, "n", "T", "GCP")
	}
	v := newValidator(f)
	f.Fuzz(func(t *testing.T, id, name, kind, system string) {
		if id == "" || kind == "" || system == "" {
			return // the mapping never leaves them empty
		}
		s := scan()
		s.SystemType, s.Platform = system, platformOf(system)
		o := securityevent.Finding{ObjectID: []byte(id), ObjectName: []byte(name), ObjectType: []byte(kind)}
		for _, m := range []securityevent.Model{securityevent.Both, securityevent.XSPM, securityevent.External} {
			e := securityevent.NewEncoder(m, s)
			e.SetRule(rule())
			v.decode(t, e.Append(nil, &o, at()))
		}
		v.decode(t, securityevent.AppendCoverage(nil, s, &o, "raw/x", at()))
	})
}
