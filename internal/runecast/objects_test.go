package runecast

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read reads all issues of a list, and returns the members and objects of each.
func read(t *testing.T, list string, o IssueOptions) []string {
	t.Helper()
	w := NewWalker(strings.NewReader(list))
	r := NewIssueReader(w, o)
	var got []string
	if err := w.Elements(func() error {
		if err := r.Read(); err != nil {
			return err
		}
		more, listed := r.More(), r.Listed()
		text := ""
		for o, err := range r.Objects() {
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %s/%s/%s/%s/%s%s", o.SystemUID, o.MOID, o.Name, o.Type, o.Status, o.Raw)
			for _, v := range o.Values {
				text += fmt.Sprintf("(%s=%s)", v.Description, v.Value)
			}
		}
		if err := r.Finish(); err != nil {
			return err
		}
		i := r.Issue
		got = append(got, strings.Join([]string{i.ID, i.DisplayID, i.Profile, i.Severity, i.Title, i.URL, i.Status, i.AppliesTo, strings.Join(i.Products, "+"),
			fmt.Sprint(i.Count, more, listed == r.Listed())}, ",")+text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestIssues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		issue string
		want  string
		o     IssueOptions
	}{
		"v1": {issue: `{"id":1,"issueDisplayId":"CIS-1","type":"CIS","severity":"Major","title":"t","url":"u","products":[{"name":"a"},null,{"name":"b","x":1}],"status":"FAIL","appliesTo":"x","affectedObjectsCount":2,
			"affectedObjects":[{"vcUid":"v","moid":"m","name":"n","type":"T","resultValues":[{"description":"d","value":true},7]},{"moid":12,"status":"PASS"}]}`,
			want: "1,CIS-1,CIS,Major,t,u,FAIL,x,a+b,2 false true v/m/n/T/(d=true) /12///PASS"},
		"v2": {issue: `{"status":"PASS","issue":{"status":"ACTIVE","id":"7","type":"CIS","issue":{"id":"8"},"products":[{"name":"p"}]},"affectedObjectsCount":"3"}`,
			want: "7,,CIS,,,,PASS,,p,3 false true"},
		"v2, objects inside":     {issue: `{"issue":{"id":"7","affectedObjects":[{"moid":"m"}],"title":"t"},"status":"FAIL"}`, want: "7,,,,t,,FAIL,,,-1 false true /m///"},
		"v2, status inside only": {issue: `{"issue":{"id":"7","status":"FAIL"}}`, want: "7,,,,,,,,,-1 false true"},
		"escapes":                {issue: `{"\u0069d":"\u00e4\"","title":"a\\n","affectedObjects":[{"\u006doid":"\ud83d\ude00"}]}`, want: "ä\",,,,a\\n,,,,,-1 false true /😀///"},
		"other types":            {issue: `{"id":{"a":1},"type":null,"title":["x"],"products":"p","affectedObjects":{"moid":"m"},"affectedObjectsCount":-4}`, want: ",,,,,,,,,-1 false true"},
		"not an object":          {issue: `"x"`, want: ",,,,,,,,,-1 false true"},
		"raw":                    {issue: `{"affectedObjects":[{"moid":"m", "x":1e400}, null, {"name":"n"}]}`, o: IssueOptions{KeepRaw: true}, want: `,,,,,,,,,-1 false true /m///{"moid":"m", "x":1e400} //n//{"name":"n"}`},
		"two lists":              {issue: `{"affectedObjects":[{"moid":"m"}],"affectedObjects":[{"moid":"o"}]}`, want: ",,,,,,,,,-1 false true /m/// /o///"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, `[`+c.issue+`,{"id":"next","status":"PASS"}]`, c.o)
			if d := cmp.Diff([]string{c.want, "next,,,,,,PASS,,,-1 false true"}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// In an issue with more objects than are held, the others are read one by one or
// passed over; the issue's other members are known in the end.
func TestMoreObjectsThanAreHeld(t *testing.T) {
	t.Parallel()
	const n = 3000
	value := strings.Repeat("x", 3000)
	var objects []string
	for i := range n {
		objects = append(objects, fmt.Sprintf(`{"moid":"m%d","resultValues":[{"value":%q}]}`, i, value))
	}
	doc := `[{"id":"1","affectedObjects":[` + strings.Join(objects, ",") + `,null],"title":"after","affectedObjects":[{"moid":"again"}],"status":"FAIL"},{"id":"2"}]`
	for name, c := range map[string]struct {
		o    IssueOptions
		take int // objects that are taken; the rest is passed over
		more bool
	}{
		"all":        {take: n, more: true},
		"some":       {take: n / 2, more: true},
		"none":       {more: true},
		"with raw":   {o: IssueOptions{KeepRaw: true}, take: n, more: true},
		"count only": {o: IssueOptions{CountOnly: true}, more: true},
		"hold all":   {o: IssueOptions{HoldAll: true}, take: n + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := NewWalker(strings.NewReader(doc))
			r := NewIssueReader(w, c.o)
			index := 0
			if err := w.Elements(func() error {
				if err := r.Read(); err != nil {
					return err
				}
				if index++; index == 2 {
					if r.Issue.ID != "2" || r.Listed() != 0 || r.First() != nil {
						t.Errorf("the next issue is %+v with %d objects", r.Issue, r.Listed())
					}
					return r.Finish()
				}
				if r.More() != c.more {
					t.Errorf("more: %v", r.More())
				}
				taken := 0
				for o, err := range r.Objects() {
					if err != nil {
						return err
					}
					if taken == c.take {
						break
					}
					if want := fmt.Sprintf("m%d", taken); taken < n && (string(o.MOID) != want || len(o.Values) != 1 || string(o.Values[0].Value) != value) {
						t.Fatalf("object %d is %s", taken, o.MOID)
					}
					taken++
				}
				if err := r.Finish(); err != nil {
					return err
				}
				if taken != c.take || r.Issue.Title != "after" || r.Issue.Status != "FAIL" {
					t.Errorf("%d objects, %+v", taken, r.Issue)
				}
				if want := n; c.more && r.Listed() != want {
					t.Errorf("%d objects are listed, want %d", r.Listed(), want)
				}
				return nil
			}); err != nil || index != 2 {
				t.Fatal(index, err)
			}
		})
	}
}

// Wherever a document is cut, reading its issues is an error and no panic.
func TestIssuesCutAnywhere(t *testing.T) {
	t.Parallel()
	doc := `[{"issue":{"id":"1","products":[{"name":"p"}]},"affectedObjects":[{"moid":"m","resultValues":[{"value":"v"}]}],"status":"FAIL"}]`
	for cut := range len(doc) {
		w := NewWalker(strings.NewReader(doc[:cut]))
		r := NewIssueReader(w, IssueOptions{KeepRaw: cut%2 == 0})
		if err := w.Elements(r.Read); err == nil && cut > 0 {
			t.Errorf("cut after %q: no error", doc[:cut])
		}
	}
}

func FuzzIssues(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"issue":{"title":"\u00e4","affectedObjects":[{"moid":"m","resultValues":[{"value":"v"},null]}]},"status":"FAIL"}`,
		`{"affectedObjects":[1,{"moid":"a"}],"affectedObjects":[{}],"products":[{"name":"p"}]},{"id":"` + "\xff" + `"}`, `{"issue":{"issue":{}}`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, issues string) {
		count := func(o IssueOptions) (listed, seen int, err error) {
			w := NewWalker(strings.NewReader("[" + issues + "]"))
			r := NewIssueReader(w, o)
			err = w.Elements(func() error {
				if err := r.Read(); err != nil {
					return err
				}
				for _, err := range r.Objects() {
					if err != nil {
						return err
					}
					seen++
				}
				err := r.Finish()
				listed += r.Listed()
				return err
			})
			return listed, seen, err
		}
		listed, seen, err := count(IssueOptions{})
		_, raw, rawErr := count(IssueOptions{KeepRaw: true})
		counted, _, countErr := count(IssueOptions{CountOnly: true})
		if err == nil && (listed != seen || raw != seen || counted != seen || rawErr != nil || countErr != nil) {
			t.Fatalf("%d objects, %d listed, %d with their JSON (%v), %d counted (%v)\n%q", seen, listed, raw, rawErr, counted, countErr, issues)
		}
	})
}
