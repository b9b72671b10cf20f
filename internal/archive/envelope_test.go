package archive_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	e := archive.Envelope{
		Run:    archive.EnvelopeRun{ID: "r", Trigger: "schedule", StartedAt: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)},
		System: archive.System{ID: "i", Name: "n\xff\"", Type: "VCENTER"}, Catalog: "catalog/x",
	}
	var b bytes.Buffer
	if err := e.WriteHead(&b); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":"runecast-raw/1","run":{"id":"r","trigger":"schedule","startedAt":"2026-11-22T02:00:00Z"},` +
		`"appliance":{"url":"","api":"","instanceUuid":"","version":"","definitions":""},"system":{"id":"i","name":"n` + "\ufffd" + `\"","type":"VCENTER"},` +
		`"scan":{"status":"","completedAt":""},"catalog":"catalog/x","result":`
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", b.String(), want)
	}
}

// An envelope is read back as it was written, whatever the system's name is, and the
// reader's next value is the result.
func TestEnvelopeIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		e := archive.Envelope{
			Schema: archive.RawSchema,
			Run:    archive.EnvelopeRun{ID: "r" + text.Draw(t, "run"), Trigger: text.Draw(t, "trigger"), StartedAt: time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "started"), 0).UTC()},
			Appliance: archive.Appliance{URL: text.Draw(t, "url"), API: text.Draw(t, "api"), InstanceUUID: text.Draw(t, "uuid"),
				Version: text.Draw(t, "version"), Definitions: text.Draw(t, "definitions")},
			System:  archive.System{ID: "i" + text.Draw(t, "id"), Name: text.Draw(t, "name"), Type: text.Draw(t, "type")},
			Scan:    archive.EnvelopeScan{Status: text.Draw(t, "status"), CompletedAt: text.Draw(t, "completed")},
			Catalog: text.Draw(t, "catalog"),
		}
		var b bytes.Buffer
		if err := e.WriteHead(&b); err != nil {
			t.Fatal(err)
		}
		b.WriteString(`{"n":1e400,"n":["` + "\xff" + `"]},"later":[1]}`)
		raw, err := archive.ReadRaw(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, raw.Envelope); d != "" {
			t.Error(d)
		}
		if value, err := raw.Result.ReadValue(); err != nil || string(value) != `{"n":1e400,"n":["`+"\xff"+`"]}` {
			t.Errorf("the result is %q, %v", value, err)
		}
		if err := raw.End(); err != nil {
			t.Error(err)
		}
	})
}

// Every error about an unreadable object has its class, and a saved answer of an
// appliance is told from a damaged object.
func FuzzReadRaw(f *testing.F) {
	for _, text := range []string{
		"", "[]", "{}", `{"results":[]}`, `{"schema":"runecast-raw/1","results":[]}`, `{"scannedIssues":[]}`, `{"schema":"runecast-raw/2","result":{}}`,
		`{"schema":"runecast-raw/1","run":{"id":"r","startedAt":"2026-11-22T02:00:00Z"},"system":{"id":"s"},"result":{}} `,
		`{"schema":"runecast-raw/1","run":{"id":"r","startedAt":"2026-11-22T02:00:00Z"},"system":{"id":"s"},"result":{}}{`,
		`{"result":1}`, `{"schema":5}`, "{\"schema\":\"\xff\"",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, err := archive.ReadRaw(bytes.NewReader(text))
		if err == nil {
			if raw.System.ID == "" || raw.Run.ID == "" || raw.Run.StartedAt.IsZero() || raw.Schema != archive.RawSchema {
				t.Errorf("%+v", raw.Envelope)
			}
			err = raw.Skip()
		}
		if err != nil && fault.ClassOf(err) != fault.Reject {
			t.Errorf("class %s: %v", fault.ClassOf(err), err)
		}
		if errors.Is(err, archive.ErrNoEnvelope) && raw != nil {
			t.Error("an envelope, and none")
		}
	})
}
