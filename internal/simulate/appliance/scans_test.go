package appliance_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/appliance"
)

// status is what the results say of each system's scan.
type status struct {
	Status    string
	Timestamp any
}

func statuses(t *testing.T, a *appliance.Appliance) map[string]status {
	t.Helper()
	seen := map[string]status{}
	for _, system := range results(t, a).Results {
		seen[system.UID] = status(system.ScanStatus)
	}
	return seen
}

func trigger(t *testing.T, a *appliance.Appliance, uid string) {
	t.Helper()
	answer := call(t, a, http.MethodPost, "/rc2/api/v1/scan/"+uid)
	if answer.Code != http.StatusAccepted || answer.Body.Len() != 0 {
		t.Fatalf("trigger of %s: %d %q, want 202 without a body", uid, answer.Code, answer.Body)
	}
}

func TestScanLifeCycle(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	a := newAppliance(t, appliance.Options{Findings: 280, ScanTime: time.Minute, Token: adminToken, Now: time0.Now})
	before := statuses(t, a)
	for uid, s := range before {
		if s.Status != "FINISHED_SUCCESSFULLY" {
			t.Errorf("%s begins as %s", uid, s.Status)
		}
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(s.Timestamp)); err != nil {
			t.Error(err)
		}
	}

	systems := a.Systems()
	scanned := systems[:len(systems)-1]
	for _, s := range scanned {
		trigger(t, a, s.ID)
	}
	time0.advance(59 * time.Second)
	trigger(t, a, systems[0].ID) // the running scan goes on as if nothing had been asked
	kept, shown := 0, 0
	for uid, s := range statuses(t, a) {
		if s.Timestamp != before[uid].Timestamp {
			t.Errorf("%s: the timestamp moves before the scan ends", uid)
		}
		switch s.Status {
		case "RUNNING":
			shown++
		case "FINISHED_SUCCESSFULLY":
			kept++
		default:
			t.Errorf("%s: status %s during a scan", uid, s.Status)
		}
	}
	if kept < 2 || shown < 2 {
		t.Errorf("%d systems keep their status, %d show the scan; want some of each", kept, shown)
	}

	time0.advance(time.Second)
	want := map[string]status{}
	for uid, s := range before {
		want[uid] = s
	}
	for _, s := range scanned {
		want[s.ID] = status{"FINISHED_SUCCESSFULLY", "2026-11-22T02:01:00.000Z"}
	}
	if diff := cmp.Diff(want, statuses(t, a)); diff != "" {
		t.Errorf("after the scan (-want +got):\n%s", diff)
	}
	time0.advance(time.Hour)
	if diff := cmp.Diff(want, statuses(t, a)); diff != "" {
		t.Errorf("nothing runs, and yet (-want +got):\n%s", diff)
	}
}

func TestTimestampMovesWithinAMillisecond(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	a := newAppliance(t, appliance.Options{Findings: 280, ScanTime: time.Nanosecond, Token: adminToken, Now: time0.Now})
	uid := a.Systems()[0].ID
	seen := map[any]bool{statuses(t, a)[uid].Timestamp: true}
	for range 3 {
		trigger(t, a, uid)
		time0.advance(time.Nanosecond)
		seen[statuses(t, a)[uid].Timestamp] = true
	}
	if len(seen) != 4 {
		t.Errorf("3 scans give the timestamps %v", seen)
	}
}
