package archive_test

import (
	"bytes"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
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
