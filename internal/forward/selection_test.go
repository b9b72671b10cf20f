package forward_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

// archived stores the scan of a system under the name that it has at the time.
func (r *rig) archived(system archive.System, s scan) string {
	r.T.Helper()
	key := archive.RawKey(s.Started(), s.Run(), system.ID, system.Name)
	_, err := r.Store.PutRaw(r.T.Context(), key, func(w io.Writer) error {
		err := archive.Envelope{
			Run: archive.EnvelopeRun{ID: s.Run(), Trigger: "schedule", StartedAt: s.Started()}, System: system,
			Scan: archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: s.Started().Add(time.Minute).Format(time.RFC3339)},
		}.WriteHead(w)
		if err == nil {
			_, err = io.WriteString(w, s.Body()+"}")
		}
		return err
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return key
}

// rehearsed returns the keys that a dry run of a replay would send.
func rehearsed(a payload.ReplayAnswer) string {
	var keys []string
	for _, s := range a.DryRun.Systems {
		keys = append(keys, s.Key)
	}
	return strings.Join(keys, " ")
}

// Two systems whose names begin with the same 40 characters, which is what keys hold, are
// told apart, before and after the first commit.
func TestReplayOfASystemTakesNoOtherAlong(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	begin := strings.Repeat("vcenter-", 5)
	systems := []archive.System{{ID: "a", Name: begin + "prod", Type: "VCENTER"}, {ID: "b", Name: begin + "test", Type: "VCENTER"}}
	var keys []string
	for _, system := range systems {
		keys = append(keys, r.archived(system, scan{System: system.ID, Minute: 1, Failing: 1}))
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
	if a := r.replayed(fmt.Sprintf(`"system":%q`, systems[1].Name)); a.Complete != 1 || r.Document(keys[0]).Generation != 1 || r.Document(keys[1]).Generation != 2 {
		t.Errorf("%+v, generations %d and %d", a, r.Document(keys[0]).Generation, r.Document(keys[1]).Generation)
	}
}

// A system is found by the name that it has now, and what was archived before
// is found with it.
func TestReplayFindsARenamedSystem(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old := r.archived(archive.System{ID: "a", Name: "old name", Type: "VCENTER"}, scan{System: "a", Minute: 1, Failing: 1})
	r.delivered(old, archive.DeliveryComplete)
	renamed := r.archived(archive.System{ID: "a", Name: "new name", Type: "VCENTER"}, scan{System: "a", Minute: 2, Failing: 2})
	if a := r.replayed(`"system":"new name","dryRun":true`); rehearsed(a) != renamed {
		t.Errorf("before its commit: %s", rehearsed(a))
	}
	r.delivered(renamed, archive.DeliveryComplete)
	if a := r.replayed(`"system":"new name"`); a.Selected != 1 || a.Complete != 1 || r.Document(renamed).Generation != 2 {
		t.Errorf("%+v, generation %d", a, r.Document(renamed).Generation)
	}
	s := scan{Minute: 1}
	if a := r.replayed(fmt.Sprintf(`"system":"new name","run":%q`, s.Run())); a.Selected != 1 || a.Older != 1 {
		t.Errorf("of the run before: %+v", a)
	}
}
