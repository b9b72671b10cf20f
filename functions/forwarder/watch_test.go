package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/s3server"
)

// watch checks the dashboard after every request that Dynatrace has answered: it must show
// one whole analysis of each system, and never an older one than before, unless a replay
// has forced it.
type watch struct {
	*site

	mu       sync.Mutex
	analyses map[string][]*analysis // of each system, oldest first
	shown    map[string]int         // which of them is shown
	forced   *analysis              // may be shown after a newer one
	refused  string                 // is in the events that Dynatrace refuses; empty: none

	looked   int
	rows     map[dashboard.Text][]dashboard.Event // by scan id
	newest   map[dashboard.Text]dashboard.Event   // completed scans, by system
	requests int
}

func newWatch(t *testing.T, store *s3server.Server) *watch {
	t.Helper()
	w := &watch{
		analyses: map[string][]*analysis{}, shown: map[string]int{},
		rows: map[dashboard.Text][]dashboard.Event{}, newest: map[dashboard.Text]dashboard.Event{},
	}
	w.site = newSite(t, store, w.intercept)
	return w
}

// add makes an analysis known, as the newest of its system.
func (w *watch) add(a *analysis) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.analyses[a.System.ID] {
		if len(a.want.Diff(other.want)) == 0 {
			w.Fatalf("two analyses of %s cannot be told apart", a.System.Name)
		}
	}
	w.analyses[a.System.ID] = append(w.analyses[a.System.ID], a)
}

// force says that an analysis may be shown although a newer one is; nil: none may.
func (w *watch) force(a *analysis) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forced = a
}

// refuse makes Dynatrace refuse the bodies that hold a text; empty: it refuses none.
func (w *watch) refuse(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = text
}

// sent is the number of requests so far.
func (w *watch) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests
}

// intercept passes one request to the receiver, and checks the dashboard after it.
func (w *watch) intercept(rw http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	if err != nil || w.refused != "" && bytes.Contains(body, []byte(w.refused)) {
		rw.WriteHeader(http.StatusBadRequest)
		return true
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.receiver.Ingest(rw, r)
	w.look()
	return true
}

// look takes in the events that came since its last call. w.mu is held.
func (w *watch) look() {
	events := w.receiver.Events()
	changed := map[dashboard.Text]bool{}
	for _, e := range events[w.looked:] {
		switch e.Type.String() {
		case dashboard.TypeFinding:
			w.rows[e.ScanID] = append(w.rows[e.ScanID], e)
		case dashboard.TypeScanCompleted:
			if known, there := w.newest[e.ObjectID]; !there || e.Timestamp.After(known.Timestamp.Time) {
				w.newest[e.ObjectID] = e
			}
		}
		changed[e.ScanID] = true
	}
	w.looked = len(events)
	for system, scan := range w.newest {
		if changed[scan.ScanID] {
			w.judge(system.String(), dashboard.Compute(append(slices.Clone(w.rows[scan.ScanID]), scan)))
		}
	}
}

// judge finds which analysis the tiles of a system show, and checks that it may be shown.
func (w *watch) judge(system string, tiles dashboard.Tiles) {
	all := w.analyses[system]
	at := slices.IndexFunc(all, func(a *analysis) bool { return len(tiles.Diff(a.want)) == 0 })
	switch {
	case at < 0:
		w.Errorf("after %d requests %s shows no whole analysis:\n%s", w.requests, system, fmt.Sprint(tiles.Diff(all[w.shown[system]].want)))
		return
	case at < w.shown[system] && all[at] != w.forced:
		w.Errorf("after %d requests %s shows analysis %d after analysis %d", w.requests, system, at, w.shown[system])
	}
	w.shown[system] = at
}

// showsAll expects the dashboard to show the newest analysis of each system that
// was added, but these of their systems.
func (w *watch) showsAll(instead ...*analysis) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var want []*analysis
	for system, all := range w.analyses {
		a := all[len(all)-1]
		if i := slices.IndexFunc(instead, func(other *analysis) bool { return other.System.ID == system }); i >= 0 {
			a = instead[i]
		}
		want = append(want, a)
	}
	w.shows(&analysis{want: tilesOf(w, want...)})
}
