package deliver

import (
	"cmp"
	"fmt"
	"slices"

	"runecast-ingest/internal/archive"
)

// exploration visits every reachable world, breadth first, so that what it
// finds is as short as can be.
type exploration struct {
	*model
	worlds  []world
	parents []int32
	seen    map[world]struct{}
	// ends are what sweeps make of what outlives the invocations.
	ends map[remains]string
}

// remains of a world whose invocations are dead and whose requests are lost.
type remains struct {
	deliveries [objects]deliveryID
	register   registerID
	sink       sink
	forced     [objects]uint8
	clock      uint8
	hours      uint8
	mapping    uint8
}

// explore gives the trace to the first violation, or none, and the number of worlds.
func explore(m *model) (trace []string, worlds int) {
	m.ledger = newLedger()
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

// normalise makes worlds that differ in nothing that matters the same.
func (m *model) normalise(w *world) {
	if !m.rules.derivedScanIDs {
		m.forget(w)
	}
	w.sort()
}

// trace tells how a world came about.
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

// violation is what must never be seen.
func (m *model) violation(from, to *world) string {
	if from.register != to.register && !m.registers[to.register].Timestamp.After(m.registers[from.register].Timestamp) {
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
	for b, rows := range w.sink.rows[objectOf(scan)][scanNumber(scan)].count {
		if rows == 0 {
			return fmt.Sprintf("batch %d of %s was not accepted", b+1, scan)
		}
	}
	return ""
}

// shownWrong looks at what the dashboard shows.
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
	case s.tie:
		return "two scans have the same timestamp"
	}
	return m.shownOlder(w, shown)
}

// shownOlder holds what is shown against what else was accepted.
func (m *model) shownOlder(w *world, shown *archive.Register) string {
	object := objectOf(shown.RawKey)
	for o, id := range w.sink.greatest {
		accepted := &m.registers[id]
		switch {
		case id == 0 || m.failed(w, accepted):
		case uint8(o) > object && uint8(accepted.Generation) > w.forced[object]:
			return "an older scan is shown: " + shown.ScanID + " over " + accepted.ScanID
		case uint8(o) == object && accepted.Generation > shown.Generation:
			return "an older generation is shown: " + shown.ScanID + " over " + accepted.ScanID
		}
	}
	return ""
}

// failed tells that a scan is not to be shown after all.
func (m *model) failed(w *world, r *archive.Register) bool {
	return r.RawKey != "" && failed(&m.deliveries[w.deliveries[objectOf(r.RawKey)]], r.ScanID)
}

// recover tells whether sweeps alone bring everything to a good end, when
// every invocation is dead and every request lost; the newest or the oldest
// object may come first.
func (e *exploration) recover(w *world) string {
	if e.immortal {
		return ""
	}
	dead := world{deliveries: w.deliveries, register: w.register, sink: w.sink, forced: w.forced}
	e.normalise(&dead)
	r := remains{dead.deliveries, dead.register, dead.sink, dead.forced, w.clock, w.spent.hours, w.mapping}
	end, known := e.ends[r]
	if !known {
		end = cmp.Or(e.sweep(r, 1, 0), e.sweep(r, 0, 1))
		e.ends[r] = end
	}
	return end
}

// sweep delivers one object after the other, twice over, without a fault. Its
// clock is where the fastest was: it is later by now.
func (e *exploration) sweep(r remains, order ...uint8) string {
	calm := &model{ledger: e.ledger, limit: faults{expiries: 1}, skew: e.skew, rules: e.rules}
	w := world{deliveries: r.deliveries, register: r.register, sink: r.sink, forced: r.forced, clock: r.clock, mapping: r.mapping}
	for _, object := range append(order, order...) {
		w.invocations[0], w.spent = invocation{}, faults{hours: r.hours}
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

// unfinished tells what is missing at the end.
func (m *model) unfinished(w *world) string {
	for o, id := range w.deliveries {
		if d := &m.deliveries[id]; !d.Final() {
			return rawKey(uint8(o)) + " is not delivered"
		}
	}
	committed, shown := &m.registers[w.register], &m.registers[w.sink.shown]
	switch {
	case m.deliveries[w.deliveries[objectOf(committed.RawKey)]].State != archive.DeliveryComplete:
		return "" // the old posture stays
	case shown.ScanID != committed.ScanID:
		return "committed is " + committed.ScanID + ", but shown is " + shown.ScanID
	case w.forced == [objects]uint8{} && m.deliveries[w.deliveries[objects-1]].State != archive.DeliveryFailed && shown.RawKey != rawKey(objects-1):
		return "the newest scan is not shown, but " + shown.ScanID
	}
	return ""
}
