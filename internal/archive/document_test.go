package archive_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// Each type of state document is written under its own schema, and is not read as
// another type.
func TestDocumentsKnowTheirSchema(t *testing.T) {
	t.Parallel()
	documents := map[string]func() archive.Document{
		archive.RunSchema:      func() archive.Document { return &archive.Run{} },
		archive.DeliverySchema: func() archive.Document { return &archive.Delivery{} },
		archive.RegisterSchema: func() archive.Document { return &archive.Register{} },
		archive.RollupSchema:   func() archive.Document { return &archive.Rollup{} },
		archive.SweepSchema:    func() archive.Document { return &archive.Sweep{} },
	}
	for schema, document := range documents {
		text, err := archive.Encode(document(), "w1")
		if err != nil || !strings.Contains(string(text), `"schema": "`+schema+`"`) || !strings.Contains(string(text), `"writeId": "w1"`) {
			t.Errorf("%s: %s, %v", schema, text, err)
		}
		for other, into := range documents {
			d := into()
			switch err := archive.Decode(text, "some/key", d); {
			case other == schema && (err != nil || d.DocumentHeader().WriteID != "w1"):
				t.Errorf("%s: %+v, %v", schema, d, err)
			case other != schema && (fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), "some/key")):
				t.Errorf("%s read as %s: %v", schema, other, err)
			}
		}
	}
}

// The error of an unreadable document names the cure that is safe, with its condition.
func TestUnreadableDocumentsNameTheSafeCure(t *testing.T) {
	t.Parallel()
	for says, document := range map[string]archive.Document{
		"restore the last version":                                  &archive.Run{},
		"delete it, and never restore":                              &archive.Delivery{},
		"delete it when no delivery of the system is under way":     &archive.Register{},
		"none is needed: the next commit":                           &archive.Rollup{},
		"none is needed: the next sweep looks at the whole archive": &archive.Sweep{},
	} {
		if err := archive.Decode([]byte("x"), "some/key", document); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%T: %v, want %q", document, err, says)
		}
	}
}

func TestRefusedEventIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	want := archive.RefusedEvent{Schema: archive.QuarantineSchema, Index: 7, Answer: "400: \"bad\" \xff", Event: []byte(`{"finding.title":"T\"<"}`)}
	text, err := archive.RefusedEvent{Index: want.Index, Answer: want.Answer, Event: want.Event}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.DecodeRefusedEvent(text)
	want.Answer = "400: \"bad\" \ufffd"
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, text := range []string{"", "[]", `{"schema":"runecast-quarantine/1","answer":"a"}`, `{"event":`} {
		if _, err := archive.DecodeRefusedEvent([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	g := archive.Generation{RawKey: "raw/manual/7/9.json", System: "0123abcd", Number: 12}
	if index, ok := archive.RefusedIndex(g.QuarantineKey(345)); !ok || index != 345 {
		t.Errorf("%s is event %d, %v", g.QuarantineKey(345), index, ok)
	}
	if index, ok := archive.RefusedIndex(g.Quarantine() + "notes.txt"); ok {
		t.Errorf("notes are event %d", index)
	}
}

func TestRunIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.FixedZone("", 3600))
	id := archive.NewRunID(at, "a seed")
	if id == archive.NewRunID(at, "another seed") || id != archive.NewRunID(at, "a seed") || !strings.HasPrefix(id, "20261122T020000Z-") || len(id) != len("20261122T020000Z-4f3a") {
		t.Error(id)
	}
	if start, ok := archive.RunStart(id); !ok || !start.Equal(at) {
		t.Errorf("%s starts at %s, %v", id, start, ok)
	}
	if got, ok := archive.FinishedRun(archive.RunKey(id)); !ok || got != id {
		t.Errorf("%s is of %s, %v", archive.RunKey(id), got, ok)
	}
	if key := archive.RunKey(id); key < archive.RunsSince(at) || key >= archive.RunsSince(at.Add(time.Second)) {
		t.Errorf("%s is not between %s and %s", key, archive.RunsSince(at), archive.RunsSince(at.Add(time.Second)))
	}
	for _, key := range []string{archive.ActiveRunKey, archive.RunCheckKey, "runs/", "runs/x.json", "delivery/" + archive.RunKey(id)} {
		if run, ok := archive.FinishedRun(key); ok {
			t.Errorf("%s is of the run %s", key, run)
		}
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	for asked, want := range map[[2]string][2]string{
		{"", ""}:                                {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"2026-11-22", "2026-11-22"}:            {"2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"2026-11-22T02:00:00+02:00", ""}:       {"2026-11-22T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"", "2026-11-22T02:00:00.5Z"}:          {"0001-01-01T00:00:00Z", "2026-11-22T02:00:00.5Z"},
		{"2026-02-28", "2024-02-29T00:00:00Z"}:  {"2026-02-28T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"yesterday", ""}:                       {"since", ""},
		{"2026-11-22 02:00:00", "2026-11-22"}:   {"since", ""},
		{"2026-11-22", "2026-11-31"}:            {"until", ""},
		{"2026-11-22", "2026-11-22T02:00:00.Z"}: {"until", ""},
	} {
		since, until, err := archive.ParsePeriod(asked[0], asked[1])
		switch {
		case want[1] == "":
			if err == nil || !strings.HasPrefix(err.Error(), want[0]+" is neither") {
				t.Errorf("%q: %v", asked, err)
			}
		case err != nil || since.Format(time.RFC3339Nano) != want[0] || until.Format(time.RFC3339Nano) != want[1]:
			t.Errorf("%q: %s to %s, %v", asked, since, until, err)
		}
	}
}
