package status_test

import (
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

// remembers puts what the last sweep left open.
func (b *bucket) remembers(reason string, keys ...string) {
	var open []archive.OpenObject
	for _, key := range keys {
		o := b.objects[key]
		open = append(open, archive.OpenObject{Key: key, ETag: o.etag, StoredAt: o.modified, Reason: reason})
	}
	b.put(archive.SweepKey, marshal(archive.Sweep{Header: archive.Header{Schema: archive.SweepSchema}, Open: open}), noon)
}

// Status and sweep agree on what is open, and why.
func TestStatusKnowsWhatTheSweepLeftOpen(t *testing.T) {
	t.Parallel()
	b := newBucket()
	lately, long := b.archived(noon.Add(-10*time.Hour), "a", "vc-a"), b.archived(noon.Add(-40*24*time.Hour), "b", "vc-b")
	ended := b.archived(noon.Add(-41*24*time.Hour), "c", "vc-c")
	b.delivered(ended, archive.Scan{State: archive.DeliveryComplete})
	b.remembers("S3 refused access (403)", lately, long, ended)
	r := b.must(t, payload.StatusRequest{})
	if r.Pending != 1 || r.Earlier != 1 || len(r.Attention) != 2 || !r.OldestPending.Time.Equal(b.objects[long].modified) {
		t.Fatalf("%+v", r)
	}
	for i, key := range []string{lately, long} {
		if a := r.Attention[i]; a.Key != key || a.State != "pending" || !strings.Contains(a.Reason, "S3 refused access (403)") {
			t.Errorf("%+v", a)
		}
	}
	if !strings.Contains(r.Next, "names a cure needs you first") {
		t.Error(r.Next)
	}
	if only := b.must(t, payload.StatusRequest{System: "c"}); only.Earlier != 0 || len(only.Attention) != 0 {
		t.Errorf("of a system without open objects: %+v", only)
	}
	b.objects[long] = object{etag: `"another"`, modified: noon} // replaced since
	if r := b.must(t, payload.StatusRequest{Since: noon.Add(-45 * 24 * time.Hour).Format(time.RFC3339)}); r.Earlier != 0 || r.Pending != 2 {
		t.Errorf("with all in the window: %+v", r)
	} else if reason := r.Attention[1].Reason; strings.Contains(reason, "403") {
		t.Errorf("a reason of another version: %s", reason)
	}
	b.put(archive.SweepKey, []byte("{cut"), noon)
	if r := b.must(t, payload.StatusRequest{}); r.Pending != 1 || r.Earlier != 0 {
		t.Errorf("what sweeps remember is cut off: %+v", r)
	}
}
