package deliver

import (
	"cmp"
	"fmt"
	"slices"

	"runecast-ingest/internal/archive"
)

// exploration visits every reachable world, breadth first, so that the trace of a
// violation is as short as possible.
type exploration struct {
	*model
	worlds  []world
	parents []int32
	seen    map[world]struct{}
	// ends has the result of the sweeps after each state that is left when all invocations
	// are dead.
	ends map[remains]string
}

// remains is what is left of a world whose invocations are dead and whose requests are
// lost.
type remains struct {
	deliveries [objects]deliveryID
	register   registerID
	sink       sink
	forced     forced
	clock      uint8
	hours      uint8
	days       uint8
	mapping    uint8
}

// explore returns the trace to the first violation, or none, and the number of worlds.
func explore(m *model) (trace []string, worlds int) {
	m.ledger = newLedger()
	m.objects, m.batches = cmp.Or(m.objects, 2), cmp.Or(m.batches, batches)
	e := &exploration{model: m, seen: map[world]struct{}{}, ends: map[remains]string{}}
	e.visit(m.first(), -1)
	for i := 0; i < len(e.worlds); i++ {
		wrong := e.recover(&e.worlds[i])
		if wrong != "" {
			return append(e.trace(i), "sweeps alone: "+wrong), len(e.worlds)
		}
		from := e.worlds[i]
		e.successors(from, func(to world, what, scan string) {
			if wrong != "" {
				return
			}
			if wrong = e.violation(&from, &to); wrong != "" {
				trace = append(e.trace(i), scan+" "+what, "VIOLATION: "+wrong)
				return
			}
			e.visit(to, int32(i))
		})
		if wrong != "" {
			return trace, len(e.worlds)
		}
	}
	return nil, len(e.worlds)
}

func (e *exploration) visit(w world, parent int32) {
	e.normalise(&w)
	if _, known := e.seen[w]; known {
		return
	}
	e.seen[w] = struct{}{}
	e.worlds, e.parents = append(e.worlds, w), append(e.parents, parent)
}

// normalise makes worlds the same that differ only in what plays no part.
func (m *model) normalise(w *world) {
	if !m.rules.derivedScanIDs {
		m.forget(w)
	}
	w.sort()
}

// trace returns the steps that led to a world.
func (e *exploration) trace(i int) (steps []string) {
	for ; e.parents[i] >= 0; i = int(e.parents[i]) {
		step := ""
		e.successors(e.worlds[e.parents[i]], func(to world, what, scan string) {
			if e.normalise(&to); step == "" && to == e.worlds[i] {
				step = scan + " " + what
			}
		})
		steps = append(steps, step)
	}
	slices.Reverse(steps)
	return steps
}

// violation returns what is wrong with a world; empty: nothing.
func (m *model) violation(from, to *world) string {
	if to.held {
		return "a scan is held back by one that failed"
	}
	if from.register != to.register && to.register != 0 && !m.registers[to.register].Timestamp.After(m.registers[from.register].Timestamp) {
		return "the register's timestamp does not grow"
	}
	if wrong := m.incomplete(to, to.register); wrong != "" {
		return "committed, but " + wrong
	}
	return m.shownWrong(to)
}

func (m *model) incomplete(w *world, id registerID) string {
	scan := m.registers[id].ScanID
	if scan == "" {
		return ""
	}
	for b, rows := range w.sink.rows[objectOf(scan)][scanNumber(scan)].count[:m.batches] {
		if rows == 0 {
			return fmt.Sprintf("batch %d of %s was not accepted", b+1, scan)
		}
	}
	return ""
}

// shownWrong returns what is wrong with what the dashboard shows; empty: nothing.
func (m *model) shownWrong(w *world) string {
	s := &w.sink
	if s.shown == 0 {
		return ""
	}
	shown := &m.registers[s.shown]
	if wrong := m.incomplete(w, s.shown); wrong != "" {
		return "shown, but " + wrong
	}
	r := &s.rows[objectOf(shown.ScanID)][scanNumber(shown.ScanID)]
	for b, rows := range r.count {
		if rows > 1 {
			return fmt.Sprintf("batch %d of %s is shown twice", b+1, shown.ScanID)
		}
	}
	switch {
	case r.mixed:
		return "two mappings are mixed in " + shown.ScanID
	case r.day != dayOf(shown.Timestamp):
		return "the rows of " + shown.ScanID + " are older than its scan event"
	case s.tie:
		return "two scans have the same timestamp"
	}
	return m.shownOlder(w, shown)
}

// shownOlder compares what is shown with the other scan events that were accepted.
func (m *model) shownOlder(w *world, shown *archive.Register) string {
	object := objectOf(shown.RawKey)
	for o, id := range w.sink.greatest {
		accepted := &m.registers[id]
		switch {
		case id == 0 || m.failed(w, accepted):
		case uint8(o) > object && !m.wanted(w, object, uint8(o)):
			return "an older scan is shown: " + shown.ScanID + " over " + accepted.ScanID
		case uint8(o) == object && accepted.Generation > shown.Generation:
			return "an older generation is shown: " + shown.ScanID + " over " + accepted.ScanID
		}
	}
	return ""
}

// wanted reports whether a replay asked to show an object over the accepted scan event of
// a newer object: the object was forced over that one, or over one that has replaced it
// since. If an older object was forced and is shown, the objects between may be shown, too.
func (m *model) wanted(w *world, object, newer uint8) bool {
	over := &m.registers[w.sink.greatest[newer]]
	for o := range object + 1 {
		for between := object + 1; between < newer; between++ { // over one that was forced itself
			if w.forced[o][between] > 0 && w.forced[between][newer] >= uint8(over.Generation) {
				return true
			}
		}
		for n := newer; n < m.objects; n++ {
			hiding := &m.registers[w.sink.greatest[n]]
			forced := w.sink.greatest[n] != 0 && w.forced[o][n] >= uint8(hiding.Generation) && !hiding.Timestamp.Before(over.Timestamp)
			if since := &m.registers[w.sink.greatest[o]]; forced && (o == object || since.Timestamp.After(over.Timestamp)) {
				return true
			}
		}
	}
	return false
}

// failed reports whether the delivery of a scan failed, so that it is not to be shown.
func (m *model) failed(w *world, r *archive.Register) bool {
	return r.RawKey != "" && fateOf(&m.deliveries[w.deliveries[objectOf(r.RawKey)]], r.ScanID) == fateFailed
}

// recover reports whether sweeps alone bring everything to a good end, when
// every invocation is dead and every request lost; the newest or the oldest
// object may come first.
func (e *exploration) recover(w *world) string {
	if e.immortal {
		return ""
	}
	dead := world{deliveries: w.deliveries, register: w.register, sink: w.sink, forced: w.forced}
	e.normalise(&dead)
	r := remains{dead.deliveries, dead.register, dead.sink, dead.forced, w.clock, w.spent.hours, w.spent.days, w.mapping}
	end, known := e.ends[r]
	if !known {
		newestFirst := []uint8{2, 1, 0}[objects-e.objects:]
		oldestFirst := []uint8{0, 1, 2}[:e.objects]
		end = cmp.Or(e.sweep(r, newestFirst...), e.sweep(r, oldestFirst...))
		e.ends[r] = end
	}
	return end
}

// sweep delivers one object after the other, twice over, without a fault. Its
// clock is where the fastest was: it is later by now.
func (e *exploration) sweep(r remains, order ...uint8) string {
	calm := &model{ledger: e.ledger, objects: e.objects, batches: e.batches, limit: faults{expiries: 1}, skew: e.skew, rules: e.rules}
	w := world{deliveries: r.deliveries, register: r.register, sink: r.sink, forced: r.forced, clock: r.clock, mapping: r.mapping}
	for _, object := range slices.Concat(order, order) {
		w.invocations[0], w.spent = invocation{}, faults{hours: r.hours, days: r.days}
		calm.begin(w, object, true, func(to world, _, _ string) { w = to })
		for steps := 0; w.invocations[0].stage != stageEnded && w.invocations[0].stage != stageIdle; steps++ {
			to, what := calm.firstStep(w)
			if wrong := calm.violation(&w, &to); wrong != "" {
				return what + ": " + wrong
			}
			if steps > maxSteps {
				return "no end of " + what
			}
			w = to
		}
	}
	return calm.unfinished(&w)
}

// maxSteps is more than any delivery without faults takes.
const maxSteps = 30

// firstStep is what an invocation does if all goes well.
func (m *model) firstStep(w world) (first world, what string) {
	m.advance(w, 0, func(to world, happened, scan string) {
		if what == "" {
			first, what = to, scan+" "+happened
		}
	})
	return first, what
}

// unfinished returns what is missing at the end.
func (m *model) unfinished(w *world) string {
	newest := ""
	for o, id := range w.deliveries[:m.objects] {
		d := &m.deliveries[id]
		if !d.Final() {
			return rawKey(uint8(o)) + " is not delivered"
		}
		if d.State == archive.DeliveryComplete {
			newest = d.RawKey
		}
	}
	committed, shown := &m.registers[w.register], &m.registers[w.sink.shown]
	switch {
	case w.register == 0 && w.forced == forced{} && shown.RawKey < newest:
		return "the register is lost, and the newest that was delivered is not shown, but " + shown.ScanID
	case w.register == 0:
		return "" // the register was lost after the last delivery
	case m.deliveries[w.deliveries[objectOf(committed.RawKey)]].State != archive.DeliveryComplete:
		return "" // the old posture stays
	case shown.ScanID != committed.ScanID:
		return "committed is " + committed.ScanID + ", but shown is " + shown.ScanID
	case w.forced == forced{} && shown.RawKey != newest:
		return "the newest that was delivered is not shown, but " + shown.ScanID
	case w.forced == forced{} && m.deliveries[w.deliveries[m.objects-1]].State != archive.DeliveryFailed && shown.RawKey != rawKey(m.objects-1):
		return "the newest scan is not shown, but " + shown.ScanID
	}
	return ""
}
