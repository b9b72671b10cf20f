package mapping

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

func catalogOf(t *testing.T, text string) *Catalog {
	t.Helper()
	c, err := ReadCatalog(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shownOf returns what the catalogue adds to a rule.
func shownOf(t *testing.T, c *Catalog, h runecast.Issue) (metadata map[string]string, check securityevent.Rule) {
	t.Helper()
	c.describe(&check, &h, &Settings{RuleTexts: TextsFull})
	if err := json.Unmarshal([]byte(check.MetadataJSON), &metadata); err != nil {
		t.Fatalf("%v: %s", err, check.MetadataJSON)
	}
	return metadata, check
}

func TestCatalogDescribesChecks(t *testing.T) {
	t.Parallel()
	c := catalogOf(t, `{"version":{"issues":[]},"issues":[
		{"id":"1","stigid":"ESXI-80-1","vulnid":"V-1","stigSection":"CAT II","affects":"Security","checkDescription":"Look at \"x\".","fixDescription":"Set it.","annotation":"ours","updatedDate":"2026-01-01","title":"not shown"},
		{"id":2,"vulnid":"V-2"},
		{"ID":"3","StigId":"other case","CHECKDESCRIPTION":"also"},
		{"id":"4"}]}`)
	for name, k := range map[string]struct {
		issue                runecast.Issue
		want                 map[string]string
		control, description string
	}{
		"all": {runecast.Issue{ID: "1", DisplayID: "STIG-1", AppliesTo: "Compute", Products: []string{"vSphere", "ESXi"}, URL: "https://x"},
			map[string]string{"Runecast ID": "STIG-1", "Layer": "Compute", "Products": "vSphere, ESXi", "Reference": "https://x", "STIG ID": "ESXI-80-1", "Vulnerability ID": "V-1",
				"Section": "CAT II", "Affects": "Security", "Check": `Look at "x".`, "Fix": "Set it.", "Note": "ours", "Updated": "2026-01-01"}, "ESXI-80-1", `Look at "x".`},
		"a number as id": {runecast.Issue{ID: "2"}, map[string]string{"Runecast ID": "2", "Vulnerability ID": "V-2"}, "V-2", ""},
		"other case":     {runecast.Issue{ID: "3"}, map[string]string{"Runecast ID": "3", "STIG ID": "other case", "Check": "also"}, "other case", "also"},
		"nothing more":   {runecast.Issue{ID: "4", DisplayID: "D"}, map[string]string{"Runecast ID": "D"}, "", ""},
		"not in it":      {runecast.Issue{ID: "5", DisplayID: "D"}, map[string]string{"Runecast ID": "D"}, "", ""},
		"without its id": {runecast.Issue{DisplayID: "D"}, map[string]string{"Runecast ID": "D"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metadata, check := shownOf(t, c, k.issue)
			if d := cmp.Diff(k.want, metadata); d != "" {
				t.Error(d)
			}
			if check.Control != k.control || check.Description != k.description {
				t.Errorf("control %q, description %q", check.Control, check.Description)
			}
		})
	}
	if metadata, check := shownOf(t, nil, runecast.Issue{ID: "1"}); len(metadata) != 1 || check.Control != "" {
		t.Errorf("without a catalogue: %v %v", metadata, check)
	}
}

// Whatever an appliance puts into its catalogue, the members that can be read are shown.
func TestCatalogPutsUpWithAnything(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 5<<20)
	for name, k := range map[string]struct {
		text string
		want map[string]string // of the check "1", without its id
	}{
		"empty":            {`{}`, nil},
		"an array":         {`[{"id":"1","stigid":"s"}]`, nil},
		"null":             {`{"issues":null}`, nil},
		"an object":        {`{"issues":{"id":"1","stigid":"s"}}`, nil},
		"elements":         {`{"issues":[null,7,"x",[],[{"id":"1"}],{},{"id":"1","stigid":"s"}]}`, map[string]string{"STIG ID": "s"}},
		"types of members": {`{"issues":[{"id":"1","stigid":{"a":1},"vulnid":["x"],"stigSection":false,"affects":7.50,"annotation":null}]}`, map[string]string{"Section": "false", "Affects": "7.50"}},
		"id of no type":    {`{"issues":[{"id":{},"stigid":"x"},{"id":null,"stigid":"x"},{"stigid":"x"}]}`, nil},
		"twice":            {`{"issues":[{"id":"1","stigid":"first","stigid":"last"},{"id":"1","stigid":"second"}]}`, map[string]string{"STIG ID": "last"}},
		"two lists":        {`{"issues":[{"id":"2","stigid":"x"}],"issues":[{"id":"1","stigid":"s"}]}`, map[string]string{"STIG ID": "s"}},
		"spaces":           {`{"issues":[{"id":"1","stigid":" \n","vulnid":"\t v "}]}`, map[string]string{"Vulnerability ID": "v"}},
		"JSON in a text":   {`{"issues":[{"id":"1","affects":",\"STIG ID\":\"forged\""}]}`, map[string]string{"Affects": `,"STIG ID":"forged"`}},
		"not UTF-8":        {"{\"issues\":[{\"id\":\"1\",\"stigid\":\"a\xffb\",\"vulnid\":\"\\ud800\",\"annotation\":\"\\u0000</script>\"}]}", map[string]string{"STIG ID": "a\ufffdb", "Vulnerability ID": "\ufffd", "Note": "\x00</script>"}},
		"10 MB of text":    {`{"issues":[{"id":"1","checkDescription":"` + long + `"}]}`, map[string]string{"Check": strings.Repeat("ü", 512)}},
		"10 MB of id":      {`{"issues":[{"id":"` + long + `","stigid":"x"},{"id":"1","stigid":"s"}]}`, map[string]string{"STIG ID": "s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metadata, check := shownOf(t, catalogOf(t, k.text), runecast.Issue{ID: "1"})
			delete(metadata, "Runecast ID")
			if d := cmp.Diff(k.want, metadata); d != "" && len(metadata)+len(k.want) > 0 {
				t.Error(d)
			}
			if strings.Contains(check.Control+check.Description, "forged") {
				t.Errorf("control %q, description %q", check.Control, check.Description)
			}
		})
	}
}

func TestCatalogThatIsNoJSON(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "cut": `{"issues":[{"id":"1"`, "html": "<html>"} {
		if _, err := ReadCatalog(strings.NewReader(text)); fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "read catalogue") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x00", 1<<20)
	_, check := shownOf(t, nil, runecast.Issue{DisplayID: long, AppliesTo: long, URL: long, Products: []string{long, long}})
	if len(check.MetadataJSON) > 13_000 {
		t.Errorf("%d bytes", len(check.MetadataJSON))
	}
}

// catalogText returns a catalogue of n rules. Of every stigEvery rules one is of a STIG
// and has texts of a length.
func catalogText(n, stigEvery, length int) string {
	var b strings.Builder
	b.WriteString(`{"issues":[`)
	text := strings.Repeat("word ", length/5)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		stig := `"stigid":null,"checkDescription":null,"fixDescription":null`
		if i%stigEvery == 0 {
			stig = fmt.Sprintf(`"stigid":"EXPL-80-%06d","vulnid":"V-%d","stigSection":"CAT II","checkDescription":"Check %s","fixDescription":"Fix %s"`, i, i, text, text)
		}
		fmt.Fprintf(&b, `{"id":"%d","affects":"Security","severity":"Major","type":"STIG","title":"T","updatedDate":"2026-04-25T00:00:00.000Z",%s}`, 100_000+i, stig)
	}
	b.WriteString(`]}`)
	return b.String()
}

// A catalogue takes less than 16 MiB. A catalogue of an expected size is kept whole; of
// a larger one the long members are left out first.
func TestCatalogIsHeldCompactly(t *testing.T) { // not parallel: it measures the heap
	const limit = 16 << 20
	for name, c := range map[string]struct {
		checks, stigEvery       int
		minChecks, minStigTexts int
	}{
		"30,000 checks, 6,000 of STIGs": {30_000, 5, 30_000, 6_000},
		"30,000 checks, all of STIGs":   {30_000, 1, 30_000, 8_000},
		"40,000 checks, all of STIGs":   {40_000, 1, 30_000, 8_000},
	} {
		text := catalogText(c.checks, c.stigEvery, 520)
		var before, after runtime.MemStats
		r := strings.NewReader(text)
		runtime.GC()
		runtime.ReadMemStats(&before)
		catalog, err := ReadCatalog(r)
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(text)
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		ids, texts := 0, 0
		for id := range catalog.entries {
			of := catalog.of(id, 8)
			if len(of[ofSTIG]) > 0 {
				ids++
			}
			if len(of[ofCheck]) == 512 {
				texts++
			}
		}
		t.Logf("%s: %d checks, %d STIG ids, %d check texts in %.1f MiB of heap, %.1f MiB counted",
			name, len(catalog.entries), ids, texts, float64(held)/(1<<20), float64(catalog.size)/(1<<20))
		if held > limit {
			t.Errorf("%s: %d bytes of heap", name, held)
		}
		if len(catalog.entries) < c.minChecks || texts < c.minStigTexts || ids < len(catalog.entries)/c.stigEvery {
			t.Errorf("%s: %d checks, %d STIG ids, %d check texts", name, len(catalog.entries), ids, texts)
		}
	}
}
