package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

func put(t *testing.T, c *s3.Client, key, body string) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

// selected returns the keys of a selection, up to an error.
func selected(t *testing.T, s *store.Store, q store.Query) ([]string, error) {
	t.Helper()
	keys := []string{}
	for info, err := range s.Select(t.Context(), q) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

// day0 is the first day of the analyses. The server dates hand-made documents with the
// present, so the analyses lie shortly before it.
var day0 = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -5)

func at(day, hour int) time.Time {
	return day0.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
}

// short returns keys in a short form: day and system of an analysis, or a hand-made key.
func short(keys []string) string {
	var all []string
	for _, key := range keys {
		label, ok := archive.RawLabel(key)
		if day, dated := archive.AnalysisDay(key); ok && dated {
			key = fmt.Sprintf("%d %s", day.Sub(day0)/(24*time.Hour), label.Slug)
		}
		all = append(all, strings.TrimPrefix(key, archive.ManualPrefix))
	}
	return strings.Join(all, ", ")
}

// analyses stores the objects of two systems for three days, hand-made documents, and
// objects that are in neither folder.
func analyses(t *testing.T, c *s3.Client) {
	t.Helper()
	for day := range 3 {
		started := at(day, 2)
		for _, system := range []string{"a", "b"} {
			put(t, c, archive.RawKey(started, archive.NewRunID(started, "x"), system, system), "{}")
		}
	}
	late := at(3, 0).Add(time.Second)
	put(t, c, archive.RawKey(late, archive.NewRunID(late.Add(-time.Minute), "late"), "c", "c"), "{}") // of a schedule of the day before
	for _, folder := range []string{"raw/manual/", "raw/manual/folder/"} {
		put(t, c, folder, "")
	}
	for _, key := range []string{"raw/manual/x.json", "raw/manual/vc/y.json", "raw/astray.json", "delivery/raw/manual/x.json.json"} {
		put(t, c, key, "{}")
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	analyses(t, c)
	run := archive.NewRunID(at(1, 2), "x")
	late := archive.NewRunID(at(3, 0).Add(time.Second-time.Minute), "late")
	soon := at(7, 0)
	longAgo := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // before the files of the S3 server, too, which have the real time
	for name, tc := range map[string]struct {
		q    store.Query
		want string
	}{
		"all, the oldest first":   {store.Query{}, "0 a, 0 b, 1 a, 1 b, 2 a, 2 b, 3 c, vc/y.json, x.json"},
		"all, the newest first":   {store.Query{Order: store.NewestFirst, Until: soon}, "3 c, 2 a, 2 b, 1 a, 1 b, 0 a, 0 b, vc/y.json, x.json"},
		"all, by key":             {store.Query{Order: store.ByKey}, "raw/astray.json, vc/y.json, x.json, 0 a, 0 b, 1 a, 1 b, 2 a, 2 b, 3 c"},
		"since":                   {store.Query{Since: at(2, 0), Until: at(4, 0)}, "2 a, 2 b, 3 c"},
		"since an hour":           {store.Query{Since: at(1, 3), Until: at(3, 0)}, "2 a, 2 b"},
		"since the start":         {store.Query{Since: at(1, 2), Until: at(2, 2)}, "1 a, 1 b"},
		"a window, newest first":  {store.Query{Since: at(0, 12), Until: at(2, 2), Order: store.NewestFirst}, "1 a, 1 b"},
		"before all":              {store.Query{Until: longAgo}, ""},
		"before all, newest":      {store.Query{Until: longAgo, Order: store.NewestFirst}, ""},
		"a run":                   {store.Query{Run: run}, "1 a, 1 b"},
		"a run that began late":   {store.Query{Run: late}, "3 c"},
		"an unknown run":          {store.Query{Run: archive.NewRunID(at(1, 2), "another")}, ""},
		"no run's id":             {store.Query{Run: "nonsense"}, ""},
		"a prefix of days":        {store.Query{Prefix: "raw/v1/dt=20"}, "0 a, 0 b, 1 a, 1 b, 2 a, 2 b, 3 c"},
		"a prefix in a day":       {store.Query{Prefix: archive.AnalysesOf(at(1, 0)) + "run=" + run + "/b"}, "1 b"},
		"that prefix, newest":     {store.Query{Prefix: archive.AnalysesOf(at(1, 0)) + "run=" + run + "/b", Until: soon, Order: store.NewestFirst}, "1 b"},
		"a prefix above all":      {store.Query{Prefix: "ra"}, "0 a, 0 b, 1 a, 1 b, 2 a, 2 b, 3 c, vc/y.json, x.json"},
		"hand-made ones":          {store.Query{Prefix: "raw/manual/v"}, "vc/y.json"},
		"hand-made ones, by key":  {store.Query{Prefix: "raw/manual/", Order: store.ByKey}, "vc/y.json, x.json"},
		"what is no raw object":   {store.Query{Prefix: "delivery/"}, ""},
		"no raw object, by key":   {store.Query{Prefix: "delivery/", Order: store.ByKey}, ""},
		"a prefix and a window":   {store.Query{Prefix: "raw/v1/", Since: at(2, 0)}, "2 a, 2 b, 3 c"},
		"a prefix before a since": {store.Query{Prefix: archive.AnalysesOf(at(0, 0)), Since: at(1, 0)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := selected(t, s, tc.q)
			if got := short(keys); got != tc.want || err != nil {
				t.Errorf("%s, %v\nwant %s", got, err, tc.want)
			}
		})
	}
}

// Wherever a selection ends, the next one begins behind its last key: together they
// return all objects, in each order.
func TestSelectGoesOnBehindAKey(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	analyses(t, c)
	for name, order := range map[string]store.Order{"oldest first": store.OldestFirst, "newest first": store.NewestFirst, "by key": store.ByKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := store.Query{Order: order, Until: at(7, 0)}
			whole, err := selected(t, s, q)
			if err != nil || len(whole) < 9 {
				t.Fatal(whole, err)
			}
			for i, key := range whole {
				q.After = key
				rest, err := selected(t, s, q)
				if d := cmp.Diff(whole[i+1:], rest); d != "" || err != nil {
					t.Errorf("behind %s: %s %v", key, d, err)
				}
			}
			// The time ends at every object once. No object is returned twice, and each
			// selection makes progress.
			var parts []string
			for q.After = ""; ; {
				looks := 0
				q.Late = func() bool { looks++; return looks > 3 }
				ended := true
				for info, err := range s.Select(t.Context(), q) {
					if errors.Is(err, store.ErrLate) {
						ended, q.After = false, info.Key
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					parts = append(parts, info.Key)
				}
				if ended || len(parts) > len(whole) {
					break
				}
			}
			if d := cmp.Diff(whole, parts); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSelectEndsWithAnError(t *testing.T) {
	t.Parallel()
	c := client(t)
	analyses(t, c)
	blind := store.New(&listless{c}, bucket)
	for _, order := range []store.Order{store.OldestFirst, store.NewestFirst, store.ByKey} {
		if keys, err := selected(t, blind, store.Query{Order: order, Until: at(7, 0)}); err == nil || len(keys) > 0 || !strings.Contains(err.Error(), "s3:ListBucket") {
			t.Errorf("order %d: %q, %v", order, keys, err)
		}
	}
	for range store.New(c, bucket).Select(t.Context(), store.Query{}) {
		break // whoever has seen enough stops it
	}
}

// raw returns a raw object whose envelope names a system.
func raw(s archive.System) string {
	var b strings.Builder
	e := archive.Envelope{Run: archive.EnvelopeRun{ID: "r", StartedAt: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}, System: s}
	if err := e.WriteHead(&b); err != nil {
		panic(err)
	}
	return b.String() + `{"issues":[]}}`
}

// estate stores objects of systems whose names are longer than their keys show, with and
// without a commit register, of one that was renamed, and hand-made documents.
func estate(t *testing.T) *store.Store {
	t.Helper()
	c := client(t)
	s := store.New(c, bucket)
	long := strings.Repeat("n", 40)
	minute := 0
	analysis := func(system archive.System) string {
		minute++
		started := at(0, 2).Add(time.Duration(minute) * time.Minute)
		key := archive.RawKey(started, archive.NewRunID(started, "x"), system.ID, system.Name)
		put(t, c, key, raw(system))
		return key
	}
	committed := func(system archive.System, rawKey string) {
		d := store.Doc[archive.Register]{Key: archive.RegisterKey(system.ID), Value: archive.Register{System: system, ScanID: "s", RawKey: rawKey}}
		if err := store.Save(t.Context(), s, &d); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{long + "-prod", long + "-test"} { // known by registers
		system := archive.System{ID: fmt.Sprint("known-", i), Name: name}
		committed(system, analysis(system))
	}
	for i, name := range []string{long + "-dev", long + "-qa"} { // never committed
		analysis(archive.System{ID: fmt.Sprint("new-", i), Name: name})
	}
	analysis(archive.System{ID: "renamed", Name: "old name"})
	committed(archive.System{ID: "renamed", Name: "new name"}, analysis(archive.System{ID: "renamed", Name: "new name"}))
	// Renamed, but the scan under the new name is not committed yet.
	committed(archive.System{ID: "moving", Name: "from"}, analysis(archive.System{ID: "moving", Name: "from"}))
	analysis(archive.System{ID: "moving", Name: "to"})
	// Two systems have one name, and one has the name that another has given up.
	committed(archive.System{ID: "twin", Name: "from"}, analysis(archive.System{ID: "twin", Name: "from"}))
	analysis(archive.System{ID: "giver", Name: "given up"})
	committed(archive.System{ID: "giver", Name: "kept"}, analysis(archive.System{ID: "giver", Name: "kept"}))
	committed(archive.System{ID: "heir", Name: "given up"}, analysis(archive.System{ID: "heir", Name: "given up"}))
	analysis(archive.System{ID: "cased", Name: "Größe & Söhne"})
	broken := analysis(archive.System{ID: "broken", Name: "vc broken"})
	put(t, c, broken, "{")

	put(t, c, "raw/manual/restored.json", raw(archive.System{ID: "new-0", Name: long + "-dev"}))
	put(t, c, "raw/manual/vc9/latest.json", `{"createdTs":"2026-11-22T02:00:00Z","scannedIssues":[]}`)
	put(t, c, "raw/manual/several.json", `{"results":[]}`)
	info, err := s.Head(t.Context(), "raw/manual/several.json")
	if err != nil {
		t.Fatal(err)
	}
	d := store.Doc[archive.Delivery]{Key: archive.DeliveryKey(info.Key), Value: archive.Delivery{ETag: info.ETag, Scans: []archive.SystemScan{
		{System: archive.System{ID: "known-0", Name: long + "-prod"}}, {System: archive.System{ID: "part", Name: "vc part"}}}}}
	if err := store.Save(t.Context(), s, &d); err != nil {
		t.Fatal(err)
	}
	put(t, c, "raw/manual/several-replaced.json", `{"results":[]}`)
	d.Key = archive.DeliveryKey("raw/manual/several-replaced.json")
	d.ETag, d.Value.ETag = "", `"of another version"`
	if err := store.Save(t.Context(), s, &d); err != nil {
		t.Fatal(err)
	}
	put(t, c, "raw/manual/results.json", `{"results":[]}`)
	committed(archive.System{ID: "single", Name: "vc single"}, "raw/manual/results.json")
	return s
}

// A system is selected by its id or its whole name, although keys hold only 40 characters
// of a name, and a name may change.
func TestSelectionOfASystemIsExact(t *testing.T) {
	t.Parallel()
	s := estate(t)
	systems, err := s.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("n", 40)
	for name, tc := range map[string]struct {
		system string
		want   []string // by the id in the envelope, or the hand-made key
	}{
		"by id":                                {"known-0", []string{"known-0", "several.json"}},
		"by name, of names that begin alike":   {long + "-prod", []string{"known-0", "several.json"}},
		"by the other of these names":          {long + "-test", []string{"known-1"}},
		"what these names have in common":      {long, nil},
		"never committed, by id":               {"new-0", []string{"new-0", "restored.json"}},
		"never committed, by name":             {long + "-dev", []string{"new-0", "restored.json"}},
		"never committed, by the other name":   {long + "-qa", []string{"new-1"}},
		"renamed, by the new name":             {"new name", []string{"renamed", "renamed"}},
		"renamed, by the old name":             {"old name", []string{"renamed"}},
		"renamed, by id":                       {"renamed", []string{"renamed", "renamed"}},
		"renamed, the new name not committed":  {"to", []string{"moving"}},
		"a name of two systems":                {"from", []string{"moving", "moving", "twin"}},
		"a name that another system gave up":   {"given up", []string{"heir"}},
		"in another case":                      {"GRÖSSE & SÖHNE", nil},
		"in upper and lower case":              {"GRÖßE & söhne", []string{"cased"}},
		"a name of which nothing is readable":  {"größe + söhne", nil},
		"of a damaged object, by its key":      {"vc broken", []string{"broken"}},
		"of a damaged object, by its id":       {"broken", []string{"broken"}},
		"in a hand-made document of several":   {"vc part", []string{"several.json"}},
		"of a hand-made document's folder":     {"vc9", []string{"vc9/latest.json"}},
		"by the id that the folder makes":      {"manual:vc9", []string{"vc9/latest.json"}},
		"that a register finds by a key alone": {"vc single", []string{"results.json"}},
		"unknown":                              {"nobody", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, order := range []store.Order{store.OldestFirst, store.NewestFirst} {
				keys, err := selected(t, s, store.Query{System: systems.Named(tc.system), Order: order, Until: at(7, 0)})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, key := range keys {
					got = append(got, whose(key))
				}
				want := slices.Clone(tc.want)
				slices.Sort(got)
				slices.Sort(want)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("order %d: %s", order, d)
				}
			}
		})
	}
}

// whose returns the system of a key by the hash of the id.
func whose(key string) string {
	label, ok := archive.RawLabel(key)
	if !ok {
		return strings.TrimPrefix(key, archive.ManualPrefix)
	}
	for _, id := range []string{"known-0", "known-1", "new-0", "new-1", "renamed", "moving", "twin", "giver", "heir", "cased", "broken"} {
		if archive.LabelOf(id, "").Hash == label.Hash {
			return id
		}
	}
	return key
}

// If it cannot be found out which system an object is of, the selection ends with an
// error: no object is left out silently.
func TestSelectionOfASystemNeedsItsRights(t *testing.T) {
	t.Parallel()
	c := client(t)
	key := archive.RawKey(at(0, 2), archive.NewRunID(at(0, 2), "x"), "id", "vc1")
	for _, key := range []string{key, "raw/manual/x.json"} {
		put(t, c, key, raw(archive.System{ID: "id", Name: "vc1"}))
	}
	s := store.New(c, bucket)
	systems, err := s.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, hidden := range map[string]string{"an envelope": key, "a hand-made envelope": "raw/manual/x.json", "a delivery": archive.DeliveryKey("raw/manual/x.json")} {
		_, err := selected(t, store.New(&unread{c, hidden}, bucket), store.Query{System: systems.Named("vc1")})
		if err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store.New(&unlisted{c}, bucket).Directory(t.Context()); err == nil {
		t.Error("a directory without the right to list")
	}
}
