package forward_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/simulate/site"
)

const sweepPayload = `{"action":"sweep"}`

// shownBefore is what the dashboard shows before the scan troubled is delivered.
func shownBefore() scan { return scan{System: "vc-a", Minute: 1, Failing: 3, Passing: 2} }

func troubled() scan { return scan{System: "vc-a", Minute: 2, Failing: 60, Passing: 3} }

// TestFaults delivers a scan under each fault, ends the fault, and sweeps. Without
// -faults.full it tries only a part of the table, which has all pairs of its columns.
func TestFaults(t *testing.T) {
	t.Parallel()
	srv := site.StartS3(t)
	want := undisturbed(t, srv, "reference", shownBefore(), troubled())
	cases := pairwise()
	if setting[bool]("faults.full") {
		cases = allCases()
	}
	for i, c := range cases {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			f := &faulted{rig: rigOn(t, srv, fmt.Sprintf("case-%d", i), site.Small), faultCase: c, want: want}
			if c.trouble.alone {
				f.Config.SendConcurrency = 1
			}
			f.network = newNetwork(f.rig)
			f.deliver()
			f.check()
		})
	}
}

// faulted is one case under way.
type faulted struct {
	*rig
	faultCase
	network *network
	want    [][]dashboard.Event
}

// undisturbed delivers scans of one system, and returns the events of each.
func undisturbed(t *testing.T, srv *s3server.Server, bucket string, scans ...scan) [][]dashboard.Event {
	t.Helper()
	r := rigOn(t, srv, bucket, nil)
	var events [][]dashboard.Event
	for _, s := range scans {
		before := len(r.Receiver.Events())
		r.delivered(r.Put(s), archive.DeliveryComplete)
		events = append(events, r.Receiver.Events()[before:])
	}
	return events
}

// handle invokes a forwarder with a payload.
func handle(ctx context.Context, f *forward.Forwarder, text string) (payload.DeliveryAnswer, error) {
	got, err := f.Handle(ctx, jsontext.Value(text))
	a, _ := got.(payload.DeliveryAnswer)
	return a, err
}

// deliver delivers the scan by its event and a sweep under the fault, then ends the fault.
func (f *faulted) deliver() {
	f.T.Helper()
	warm := f.sandbox(f.Store, f.network)
	if a, err := handle(f.T.Context(), warm, s3Event(f.Bucket, f.Put(shownBefore()))); err != nil || a.Complete != 1 {
		f.T.Fatalf("before the fault: %+v %v", a, err)
	}
	f.Clock.Advance(time.Minute) // the secret may be read again
	f.network.during(f.meets())
	_, _ = handle(f.T.Context(), warm, s3Event(f.Bucket, f.Put(troubled()))) // may fail
	f.Clock.Advance(15 * time.Minute)
	_, _ = handle(f.T.Context(), f.sandbox(f.Store, f.network), sweepPayload)
	f.network.during(nil)
	if f.network.met == 0 || f.often == once && f.network.met != 1 {
		f.T.Errorf("%d requests met the fault", f.network.met)
	}
	if sweeps := f.calm(func() *forward.Forwarder { return f.sandbox(f.Store, f.network) }); sweeps > 2 {
		f.T.Errorf("%d sweeps after the fault was mended", sweeps)
	}
}

// calm sweeps in new sandboxes until nothing is left to do.
func (r *rig) calm(sandbox func() *forward.Forwarder) int {
	r.T.Helper()
	var last error
	for sweeps := range 6 {
		r.Clock.Advance(15 * time.Minute)
		a, err := handle(r.T.Context(), sandbox(), sweepPayload)
		if err == nil && a.Objects+a.Pending == 0 {
			return sweeps
		}
		last = err
	}
	r.T.Fatalf("no end of sweeping: %v", last)
	return 0
}

// check compares with an undisturbed delivery.
func (f *faulted) check() {
	f.T.Helper()
	d := f.Document(troubled().Key())
	refused := f.refusedOf(troubled().Key(), d.Generation)
	state, shown := archive.DeliveryComplete, slices.DeleteFunc(slices.Clone(f.want[1]), func(e dashboard.Event) bool {
		return slices.Contains(refused, e.FindingID.String())
	})
	if f.network.commitRefused || len(refused) > 5 { // beyond what a scan of this size may lose
		state, shown = archive.DeliveryFailed, f.want[0]
	}
	if d.State != state || d.Lease != nil || state == archive.DeliveryComplete && d.Reason != "" {
		f.T.Errorf("the document says %q, want %q: %+v", d.State, state, d)
	}
	if want := f.quarantine(); want >= 0 && len(refused) != want {
		f.T.Errorf("quarantine holds %v, want %d events", refused, want)
	}
	if diff := cmp.Diff(timeless(dashboard.Compute(shown)), timeless(f.Receiver.Tiles())); diff != "" {
		f.T.Errorf("the dashboard differs from an undisturbed delivery:\n%s", diff)
	}
	f.conserved(&d, refused)
	if st := f.Receiver.Stats(); st.DuplicateFindings > 0 || st.ShapeErrors > 0 || st.Stale > 0 || f.network.keyed > 0 {
		f.T.Errorf("%d findings twice, %d shape errors, %d stale, %d idempotency keys", st.DuplicateFindings, st.ShapeErrors, st.Stale, f.network.keyed)
	}
}

// quarantine returns how many events must be in quarantine; -1: as many as were refused.
func (f *faulted) quarantine() int {
	switch {
	case f.often != untilHealed || f.at == atScan || !f.trouble.refuses:
		return 0
	case f.trouble.applies == nil && f.at != atFirst: // all that comes behind
		return -1
	case f.trouble.name == "400 poison":
		return 1
	}
	return 0
}

// conserved compares the document's figures with what the receiver and the
// quarantine have of the generation.
func (r *rig) conserved(d *archive.Delivery, refused []string) {
	r.T.Helper()
	rows := map[string]int{}
	for _, e := range r.Receiver.Events() {
		if e.Type == dashboard.TypeFinding && e.ScanID.String() == d.ScanID {
			rows[e.FindingID.String()]++
		}
	}
	for _, id := range refused {
		rows[id]++
	}
	var extras archive.Extras
	if d.Extras != nil { // what follows the findings adds up, too; these are counted by follows
		extras = *d.Extras
	}
	if int64(len(rows)) != d.Mapped-d.Skipped-d.Extra || d.Accepted+d.Quarantined != d.Mapped-d.Skipped || int64(len(refused)) != d.Quarantined-extras.Quarantined {
		r.T.Errorf("%s: %d events arrived or are in quarantine (%d), but the document says %+v", d.RawKey, len(rows), len(refused), d.Scan)
	}
	for id, n := range rows {
		if n > 1 {
			r.T.Errorf("%s: finding %s came %d times", d.RawKey, id, n)
		}
	}
}

// refusedOf returns the finding ids in quarantine of a delivery's generation.
func (r *rig) refusedOf(key string, generation int) []string {
	r.T.Helper()
	folder := archive.Generation{RawKey: key, Number: generation}.Quarantine()
	var ids []string
	for k, text := range r.Quarantined() {
		var kept struct {
			Event struct {
				ID string `json:"finding.id"`
			} `json:"event"`
		}
		if !strings.HasPrefix(k, folder) || !strings.Contains(text, `"`+dashboard.TypeFinding+`"`) {
			continue
		}
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			r.T.Fatal(err)
		}
		ids = append(ids, kept.Event.ID)
	}
	return ids
}

// timeless returns the tiles without the times of the commits.
func timeless(tiles dashboard.Tiles) dashboard.Tiles {
	tiles.Systems = slices.Clone(tiles.Systems)
	for i := range tiles.Systems {
		tiles.Systems[i].Latest = time.Time{}
	}
	return tiles
}
