package forward_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/forward"
)

// archived stores the scan of a system under the name that it has at the time.
func (r *rig) archived(system archive.System, s scan) string {
	r.t.Helper()
	key := archive.RawKey(s.started(), s.run(), system.ID, system.Name)
	_, err := r.store.PutRaw(r.t.Context(), key, func(w io.Writer) error {
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: s.run(), Trigger: "schedule", StartedAt: s.started()}, System: system,
			Scan: archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: s.started().Add(time.Minute).Format(time.RFC3339)},
		}.WriteHead(w)
		if err == nil {
			_, err = io.WriteString(w, s.body()+"}")
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// rehearsed returns the keys that a dry run of a replay would send.
func rehearsed(a forward.ReplayAnswer) string {
	var keys []string
	for _, s := range a.DryRun.Systems {
		keys = append(keys, s.Key)
	}
	return strings.Join(keys, " ")
}

// Names that share what keys hold of them are two systems, before and after the
// first commit.
func TestReplayOfASystemTakesNoOtherAlong(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	begin := strings.Repeat("vcenter-", 5)
	systems := []archive.System{{ID: "a", Name: begin + "prod", Type: "VCENTER"}, {ID: "b", Name: begin + "test", Type: "VCENTER"}}
	var keys []string
	for _, system := range systems {
		keys = append(keys, r.archived(system, scan{system: system.ID, minute: 1, failing: 1}))
	}
	if a, b := strings.TrimSuffix(keys[0], archive.LabelOf("a", "").Hash+".json.gz"), strings.TrimSuffix(keys[1], archive.LabelOf("b", "").Hash+".json.gz"); a != b {
		t.Fatalf("the keys tell them apart: %s, %s", a, b)
	}
	look := func(when string) {
		for i, system := range systems {
			for _, asked := range []string{system.ID, system.Name} {
				if a := r.replayed(fmt.Sprintf(`"system":%q,"dryRun":true`, asked)); a.Selected != 1 || rehearsed(a) != keys[i] {
					t.Errorf("%s %q is %d objects, %s; want %s", when, asked, a.Selected, rehearsed(a), keys[i])
				}
			}
		}
		if a := r.replayed(fmt.Sprintf(`"system":%q`, begin)); a.Selected != 0 {
			t.Errorf("%s what the names share is %d objects", when, a.Selected)
		}
	}
	look("before the first commit")
	for _, key := range keys {
		r.delivered(key, archive.DeliveryComplete)
	}
	look("after it")
	if a := r.replayed(fmt.Sprintf(`"system":%q`, systems[1].Name)); a.Complete != 1 || r.document(keys[0]).Generation != 1 || r.document(keys[1]).Generation != 2 {
		t.Errorf("%+v, generations %d and %d", a, r.document(keys[0]).Generation, r.document(keys[1]).Generation)
	}
}

// A system is found by the name that it has now, and what was archived before
// is found with it.
func TestReplayFindsARenamedSystem(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.archived(archive.System{ID: "a", Name: "old name", Type: "VCENTER"}, scan{system: "a", minute: 1, failing: 1})
	r.delivered(old, archive.DeliveryComplete)
	renamed := r.archived(archive.System{ID: "a", Name: "new name", Type: "VCENTER"}, scan{system: "a", minute: 2, failing: 2})
	if a := r.replayed(`"system":"new name","dryRun":true`); rehearsed(a) != renamed {
		t.Errorf("before its commit: %s", rehearsed(a))
	}
	r.delivered(renamed, archive.DeliveryComplete)
	if a := r.replayed(`"system":"new name"`); a.Selected != 1 || a.Complete != 1 || r.document(renamed).Generation != 2 {
		t.Errorf("%+v, generation %d", a, r.document(renamed).Generation)
	}
	s := scan{minute: 1}
	if a := r.replayed(fmt.Sprintf(`"system":"new name","run":%q`, s.run())); a.Selected != 1 || a.Older != 1 {
		t.Errorf("of the run before: %+v", a)
	}
}
