package forward_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"runecast-ingest/internal/dashboard"
)

// witness looks at what the dashboard shows after every request that was
// accepted: always one whole scan of each system, and never an older one than
// before, unless somebody has forced it.
type witness struct {
	// wanted returns the failed rows of a system's scan; false: there is no such scan.
	wanted func(system string, number int) (failed int, ok bool)
	// forced are the ways back that were asked for.
	forced []wayBack

	looked     int
	rows       map[dashboard.Text]*dashboard.Rows // by scan.id
	found      map[[2]dashboard.Text]bool         // scan.id and finding.id
	begun      map[dashboard.Text]time.Time       // the first row's, by scan.id
	twice      map[dashboard.Text]int             // findings that came again, by scan.id
	newest     map[dashboard.Text]dashboard.Event // completed scans, by system
	shown      map[dashboard.Text]int             // number of the scan that is shown, by system
	violations []string
}

func newWitness(wanted func(string, int) (int, bool)) *witness {
	return &witness{
		wanted: wanted, rows: map[dashboard.Text]*dashboard.Rows{}, found: map[[2]dashboard.Text]bool{}, begun: map[dashboard.Text]time.Time{}, twice: map[dashboard.Text]int{},
		newest: map[dashboard.Text]dashboard.Event{}, shown: map[dashboard.Text]int{},
	}
}

// oldest is by how much rows may be older than their scan event: six hours, and the time
// that an invocation takes after it last checked the age.
const oldest = 6*time.Hour + 20*time.Minute

// wayBack is a forced replay: of a system's scan, over the one that was
// committed then.
type wayBack struct {
	system   string
	over, to int
}

// back reports whether a forced replay allows one scan to be shown after a newer one.
// Scans between the two may be shown, too, since they are newer than the forced one.
func (w *witness) back(system string, from, to int) bool {
	return slices.ContainsFunc(w.forced, func(b wayBack) bool { return b.system == system && from <= b.over && to >= b.to })
}

// look takes in the events that came since its last call.
func (w *witness) look(events []dashboard.Event) {
	for _, e := range events[w.looked:] {
		w.take(e)
	}
	w.looked = len(events)
	for system, scan := range w.newest {
		w.judge(system, scan.ScanID)
		if age := scan.Timestamp.Sub(w.begun[scan.ScanID]); age > oldest {
			w.violate("%s shows rows that are %s older than their scan event", system, age)
		}
	}
}

func (w *witness) take(e dashboard.Event) {
	switch e.Type {
	case dashboard.TypeFinding:
		if w.rows[e.ScanID] == nil {
			w.rows[e.ScanID] = &dashboard.Rows{}
			w.begun[e.ScanID] = e.Timestamp.Time
		}
		if e.Status == dashboard.Passed {
			w.rows[e.ScanID].Passed++
		} else {
			w.rows[e.ScanID].Failed++
		}
		if id := [2]dashboard.Text{e.ScanID, e.FindingID}; w.found[id] {
			w.twice[e.ScanID]++
		} else {
			w.found[id] = true
		}
	case dashboard.TypeScanCompleted:
		known, there := w.newest[e.ObjectID]
		if !there || cmp.Or(e.Timestamp.Compare(known.Timestamp.Time), cmp.Compare(e.ScanID, known.ScanID)) > 0 {
			w.newest[e.ObjectID] = e
		}
	}
}

// judge compares what is shown of a system with its scans. A scan's number is
// how many rules pass in it.
func (w *witness) judge(system, scanID dashboard.Text) {
	rows := cmp.Or(w.rows[scanID], &dashboard.Rows{})
	failed, ok := w.wanted(system.String(), rows.Passed)
	switch {
	case !ok || failed != rows.Failed:
		w.violate("%s shows %d failed and %d passed rows, which is no whole scan", system, rows.Failed, rows.Passed)
	case w.twice[scanID] > 0:
		w.violate("%s shows %d findings twice", system, w.twice[scanID])
	case rows.Passed < w.shown[system] && !w.back(system.String(), w.shown[system], rows.Passed):
		w.violate("%s shows scan %d after scan %d", system, rows.Passed, w.shown[system])
	default:
		w.shown[system] = rows.Passed
	}
}

func (w *witness) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf("after %d events: ", w.looked)+fmt.Sprintf(format, args...))
}
