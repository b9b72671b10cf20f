package runecast

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// told returns everything that is read from a list of issues with the error that
// ends the reading, and how many objects were read by their form. Without byForm
// all are read token by token.
func told(issues string, o IssueOptions, byForm bool) (text string, quick int) {
	w := NewWalker(strings.NewReader("[" + issues + "]"))
	r := NewIssueReader(w, o)
	if !byForm {
		r.forms.idle = math.MaxInt
	}
	var all strings.Builder
	err := w.Elements(func() error {
		if err := r.Read(); err != nil {
			return err
		}
		fmt.Fprintf(&all, "%v %d %d:", r.More(), r.Listed(), r.size())
		for o, err := range r.Objects() {
			if err != nil {
				return err
			}
			o.Plain = false // is known by the form alone
			fmt.Fprintf(&all, " %+v", *o)
		}
		err := r.Finish()
		fmt.Fprintf(&all, " %+v\n", r.Issue)
		return err
	})
	return fmt.Sprint(all.String(), err), r.forms.served
}

// Objects that are read by their form are the same as those read token by token.
func TestForms(t *testing.T) {
	t.Parallel()
	usual := `{"vcUid":"v","moid":"m-1","name":"n","type":"T","resultValues":[{"description":"d","value":"x"},{"description":"e","value":"y"}],"status":"FAIL"}`
	for name, c := range map[string]struct {
		objects []string
		quick   int
	}{
		"alike":               {[]string{usual, usual, usual}, 2},
		"other texts":         {[]string{usual, strings.NewReplacer("m-1", "much longer", `"n"`, `""`).Replace(usual)}, 1},
		"fewer values":        {[]string{usual, strings.Replace(usual, `,{"description":"e","value":"y"}`, "", 1), strings.Replace(usual, `{"description":"d","value":"x"},{"description":"e","value":"y"}`, "", 1)}, 2},
		"more values":         {[]string{usual, strings.Replace(usual, `"x"},`, `"x"},{"description":"f","value":"z"},`, 1)}, 1},
		"values at last":      {[]string{`{"moid":"a","resultValues":[]}`, `{"moid":"b","resultValues":[{"value":"v"}]}`, `{"moid":"c","resultValues":[{"value":"w"},{"value":"x"}]}`, `{"moid":"d","resultValues":[]}`}, 2},
		"white space":         {[]string{`{ "moid" : "a" , "resultValues" : [ {"value":"1"}, {"value":"2"} ] }`, `{ "moid" : "b" , "resultValues" : [ {"value":"3"}, {"value":"4"} ] }`}, 1},
		"escaped":             {[]string{usual, strings.Replace(usual, "m-1", `m\"`, 1), strings.Replace(usual, "m-1", "\xc3\xa4", 1)}, 0},
		"null":                {[]string{`{"moid":"a","name":null}`, `{"moid":"b","name":null}`, `{"moid":"c","name":"n"}`}, 1},
		"numbers kept":        {[]string{`{"moid":1}`, `{"moid":2}`}, 0},
		"numbers left":        {[]string{`{"moid":"a","x":1}`, `{"moid":"b","x":1}`, `{"moid":"c","x":12}`}, 1},
		"twice, text":         {[]string{`{"moid":"a","moid":"b"}`, `{"moid":"c","moid":"d"}`}, 0},
		"twice, null":         {[]string{`{"moid":"a","moid":null}`, `{"moid":"c","moid":null}`}, 0},
		"lists twice":         {[]string{`{"resultValues":[{"value":"a"}],"resultValues":[{"value":"b"}]}`, `{"resultValues":[{"value":"c"}],"resultValues":[{"value":"d"}]}`}, 0},
		"no list":             {[]string{`{"moid":"a","resultValues":"x"}`, `{"moid":"a","resultValues":"y"}`}, 1},
		"values of no object": {[]string{`{"resultValues":[7,{"value":"a"}]}`, `{"resultValues":[{"value":"a"},7]}`, `{"resultValues":[{"value":"b"},7]}`}, 0},
		"names in values":     {[]string{`{"resultValues":[{"moid":"a","value":"v"}],"description":"d"}`, `{"resultValues":[{"moid":"b","value":"w"}],"description":"e"}`}, 1},
		"empty":               {[]string{`{}`, `{}`, `{"resultValues":[{}]}`, `{"resultValues":[{},{}]}`}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issue := `{"affectedObjects":[` + strings.Join(c.objects, ",") + `],"status":"FAIL"}`
			for _, o := range []IssueOptions{{}, {KeepRaw: true}, {CountOnly: true}} {
				got, quick := told(issue, o, true)
				if want, _ := told(issue, o, false); got != want {
					t.Errorf("%+v: read is\n%s\nwant\n%s", o, got, want)
				}
				if quick != c.quick {
					t.Errorf("%+v: %d objects were read by their form, not %d", o, quick, c.quick)
				}
			}
		})
	}
}

// Forms that change all the time are learned seldom.
func TestFormsOfNoUse(t *testing.T) {
	t.Parallel()
	var objects []string
	for i := range 4 * patience {
		objects = append(objects, fmt.Sprintf(`{"moid":"m","x":%d}`, i))
	}
	r := NewIssueReader(NewWalker(strings.NewReader(`{"affectedObjects":[`+strings.Join(objects, ",")+`]}`)), IssueOptions{})
	learned, last := 0, (*form)(nil)
	each := func() error {
		err := r.readObject()
		if f := r.forms.known[0]; f != last {
			learned, last = learned+1, f
		}
		return err
	}
	if err := r.Members(func([]byte) error { return r.Elements(each) }); err != nil {
		t.Fatal(err)
	}
	if learned > maxForms+4 {
		t.Errorf("%d forms were learned", learned)
	}
}

// For any objects, reading by forms makes no difference.
func FuzzForms(f *testing.F) {
	f.Add(`{"moid":"a","resultValues":[{"value":"v","description":"d"}]}`, `{"moid":"b","resultValues":[{"value":"w","description":"e"},{"value":"w","description":"e"}]}`, "x")
	f.Add(`{"moid":"a","x":[1,"y"]}`, `{"moid":"b","x":[1,"z"]}`, `\u00e4`)
	f.Add(`{"moid":"a","name":null}`, `{"moid":"a","name":1}`, "\xff")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		other := strings.NewReplacer("a", text, "v", text+text).Replace(one)
		issue := `{"affectedObjects":[` + strings.Join([]string{one, two, one, other, two, other, one}, ",") + `],"status":"FAIL"}`
		for _, o := range []IssueOptions{{}, {KeepRaw: true}} {
			got, _ := told(issue, o, true)
			if want, _ := told(issue, o, false); got != want {
				t.Errorf("%+v: read is\n%s\nwant\n%s\nof\n%q", o, got, want, issue)
			}
		}
	})
}
