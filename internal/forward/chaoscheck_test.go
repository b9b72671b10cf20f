package forward_test

import (
	"fmt"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/s3server"
)

// check checks the promises of the package after a round.
func (w *world) check(srv *s3server.Server) {
	w.T.Helper()
	for _, v := range w.witness.violations {
		w.T.Error(v)
	}
	for _, s := range w.alone {
		w.ended(s, true)
	}
	w.all.add("rounds", 1)
	w.all.add("requests", w.network.requests)
	w.all.add("requests in trouble", w.network.met)
	var shown []dashboard.Event
	for system, scans := range w.scans {
		for i, s := range scans {
			w.ended(s, i == len(scans)-1)
		}
		shown = append(shown, undisturbed(w.T, srv, w.Bucket+"-"+system, scans[len(scans)-1])[0]...)
	}
	shown = slices.DeleteFunc(shown, func(e dashboard.Event) bool { return w.poison == fmt.Sprintf("%q", e.ObjectID) })
	if diff := gocmp.Diff(timeless(dashboard.Compute(shown)), timeless(w.Receiver.Tiles())); diff != "" {
		w.T.Errorf("the dashboard differs from the newest scans:\n%s", diff)
	}
	if st := w.Receiver.Stats(); st.DuplicateFindings > w.repeated() || st.ShapeErrors > 0 || w.network.keyed > 0 {
		w.T.Errorf("%d findings twice, %d shape errors, %d idempotency keys", st.DuplicateFindings, st.ShapeErrors, w.network.keyed)
	}
}

// ended checks the delivery document of a scan.
func (w *world) ended(s scan, newest bool) {
	w.T.Helper()
	d := w.Document(w.key(s))
	if d.Lease.Live(w.Clock.Now()) || d.State != archive.DeliveryComplete && (newest || d.State != archive.DeliverySuperseded) {
		w.T.Errorf("%s has not ended as it should: %+v", w.key(s), d)
	}
	if d.State == archive.DeliveryComplete {
		w.conserved(&d, w.refusedOf(w.key(s), d.Generation))
		w.followed(s, &d)
	}
}

// repeated counts the vulnerabilities that came again under the same scan id. They are
// repeated in doubt, see followed; findings never may be.
func (w *world) repeated() int {
	seen, again := map[[2]dashboard.Text]bool{}, 0
	for _, e := range w.Receiver.Events() {
		if id := [2]dashboard.Text{e.ScanID, e.FindingID}; e.Type.String() == securityevent.TypeVulnerability {
			if seen[id] {
				again++
			}
			seen[id] = true
		}
	}
	return again
}

// followed checks the extras of a scan: each vulnerability came exactly once, or at least
// once if the delivery document records a doubt, as after a crash.
func (w *world) followed(s scan, d *archive.Delivery) {
	w.T.Helper()
	came, twice := map[dashboard.Text]int{}, 0
	for _, e := range w.Receiver.Events() {
		if e.Type == securityevent.TypeVulnerability && e.ScanID.String() == d.ScanID {
			if came[e.FindingID]++; came[e.FindingID] > 1 {
				twice++
			}
		}
	}
	if len(came) != s.Weak || twice > 0 && !d.DuplicatesPossible {
		w.T.Errorf("%s: of %d vulnerabilities %d came, %d of them again: %+v", w.key(s), s.Weak, len(came), twice, d.Scan)
	}
}
