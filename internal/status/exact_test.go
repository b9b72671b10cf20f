package status_test

import (
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

// enveloped puts a raw object that names its system.
func (b *bucket) enveloped(t *testing.T, key string, s archive.System) {
	t.Helper()
	var text strings.Builder
	e := archive.Envelope{Run: archive.EnvelopeRun{ID: "r", StartedAt: noon}, System: s}
	if err := e.WriteHead(&text); err != nil {
		t.Fatal(err)
	}
	b.put(key, []byte(text.String()+`{}}`), noon.Add(-time.Hour))
}

// Keys hold 40 characters of a system's name, and those of hand-made documents none, so
// the envelope decides which system an object is of.
func TestStatusOfASystemIsExact(t *testing.T) {
	t.Parallel()
	b := newBucket()
	long := strings.Repeat("vcenter-", 5)
	prod, test := archive.System{ID: "a", Name: long + "prod"}, archive.System{ID: "b", Name: long + "test"}
	for i, s := range []archive.System{prod, prod, test} {
		b.enveloped(t, b.archived(noon.Add(-time.Duration(i+1)*time.Hour), s.ID, s.Name), s)
	}
	b.enveloped(t, "raw/manual/restored.json", test)
	for name, c := range map[string]struct {
		asked         string
		objects, gets int
		system        string
	}{
		"one name":              {prod.Name, 2, 1 + 2 + 2 + 2, long[:39]},
		"the other name":        {test.Name, 2, 1 + 2 + 2 + 2, long[:39]},
		"what both begin with":  {long, 0, 1 + 2 + 2, ""},
		"an id, by the key":     {"a", 2, 1 + 2 + 2, long[:39]},
		"an id, by an envelope": {"b", 2, 1 + 2 + 2, long[:39]},
	} {
		before := b.gets.Load()
		r := b.must(t, payload.StatusRequest{System: c.asked})
		if r.Objects != c.objects || r.Pending != c.objects {
			t.Errorf("%s: %d objects, %d pending; want %d", name, r.Objects, r.Pending, c.objects)
		}
		for _, s := range r.Systems {
			if s.System != c.system && s.System != c.asked {
				t.Errorf("%s: the answer has the system %q", name, s.System)
			}
		}
		// The sweep document; an envelope for each label in question; the delivery document
		// and the envelope of the hand-made object; a delivery document for each object.
		if gets := int(b.gets.Load() - before); gets != c.gets {
			t.Errorf("%s: %d reads, want %d", name, gets, c.gets)
		}
	}
}
