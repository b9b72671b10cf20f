package deliver

import (
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/openpipeline"
)

// faults counts faults by their kind: how many may happen in a model, or how many have
// happened in a world.
type faults struct {
	timeouts uint8 // of POSTs: applied now, later or never
	gateway  uint8 // 504 after the acceptance
	expiries uint8 // takeovers of a leased delivery
	lost     uint8 // answers to conditional writes; applied now, later or never
	replays  uint8 // that are asked for
	refusals uint8 // of scan events, for good
	hours    uint8 // a reservation grows old
	days     uint8 // generations grow too old
	releases uint8 // with another mapping, deployed
	losses   uint8 // of the register
}

// model is the protocol with its rules, and with the faults that may happen.
type model struct {
	// large: the model has so many worlds that it is left out under the race detector.
	large bool
	*ledger
	invocations int
	objects     uint8    // 0: two
	batches     uint8    // 0: two
	oneByOne    bool     // an invocation begins once the others are dead or have ended
	noZombies   bool     // an invocation whose lease has run out is dead
	after       []string // steps that have been taken already, in the words of a trace
	limit       faults
	skew        time.Duration // of a fast clock
	force       bool          // replays are forced
	immortal    bool          // no invocation dies: the result of sweeps does not count
	rules       rules
}

// successor is called with each next world, what happened, and to which scan.
type successor func(to world, what, scan string)

func (m *model) first() world {
	var w world
	for i := m.invocations; i < invocations; i++ {
		w.invocations[i].stage = stageEnded
	}
	for _, step := range m.after {
		from, found := w, false
		m.successors(from, func(to world, what, scan string) {
			if !found && scan+" "+what == step {
				w, found = to, true
				m.normalise(&w)
			}
		})
		if !found {
			panic("there is no step " + step)
		}
	}
	return w
}

// successors returns every world that can come next.
func (m *model) successors(w world, then successor) {
	for i := range w.network {
		m.arrive(w, i, then)
	}
	m.deploy(w, then)
	m.lose(w, then)
	if w.spent.days < m.limit.days {
		later := w
		later.spent.days++
		then(later, "a day passes", "")
	}
	for o := range m.objects {
		m.begin(w, o, false, then)
		if m.skew > 0 {
			m.begin(w, o, true, then)
		}
		m.replay(w, o, then)
	}
	for i := range w.invocations {
		m.advance(w, i, then)
	}
}

// arrive lets the network deliver a request that its sender gave up.
func (m *model) arrive(w world, i int, then successor) {
	late := w.network[i]
	w.network[i] = message{}
	switch late.kind {
	case lateBatch:
		w.sink.receive(&late)
		then(w, "a late batch arrives", scanID(late.object, int(late.scan)))
	case lateScanEvent:
		m.show(&w.sink, late.register)
		then(w, "a late scan event arrives", m.registers[late.register].ScanID)
	case lateDelivery:
		w.wroteDelivery(late.object)
		w.deliveries[late.object] = late.delivery
		then(w, "a late write of the delivery document arrives", m.deliveries[late.delivery].ScanID)
	case lateRegister:
		w.wroteRegister(late.register)
		then(w, "a late write of the register arrives", m.registers[late.register].ScanID)
	}
}

// deploy brings another mapping: event indexes mean something else.
func (m *model) deploy(w world, then successor) {
	if w.spent.releases < m.limit.releases {
		w.spent.releases++
		w.mapping++
		then(w, "another mapping is deployed", "")
	}
}

// lose deletes the register.
func (m *model) lose(w world, then successor) {
	if w.register != 0 && w.spent.losses < m.limit.losses {
		w.spent.losses++
		w.changeRegister(0)
		then(w, "the register is lost", "")
	}
}

// replay starts an invocation that sends again what has ended.
func (m *model) replay(w world, object uint8, then successor) {
	if w.spent.replays >= m.limit.replays {
		return
	}
	w.spent.replays++
	a := askReplay
	if m.force {
		a = askForced
	}
	m.start(w, invocation{object: object, ask: a}, "begins a replay", then)
}

// begin starts an invocation by a trigger.
func (m *model) begin(w world, object uint8, fast bool, then successor) {
	m.start(w, invocation{object: object, fast: fast}, "begins", then)
}

// start lets an invocation read the delivery document, and take over from a
// lease that it judges to be over, whether its holder is dead or not.
func (m *model) start(w world, v invocation, what string, then successor) {
	idle := &w.invocations[0] // sorted: one that has not started comes first
	if idle.stage != stageIdle {
		return
	}
	v.stage, v.delivery, v.current, v.mapping = stageLook, w.deliveries[v.object], true, w.mapping
	d := &m.deliveries[v.delivery]
	s := m.situation(&w, &v)
	if d.Lease != nil {
		if w.spent.expiries >= m.limit.expiries {
			return
		}
		w.spent.expiries++
		s.now = d.Lease.Until
		if m.noZombies {
			for i := range w.invocations {
				if o := &w.invocations[i]; o.object == v.object && o.stage != stageIdle {
					o.end()
				}
			}
		}
		what += ", the lease has run out"
	}
	if s.firstStep() != stepLook {
		return
	}
	*idle = v
	if m.oneByOne {
		for i := 1; i < len(w.invocations); i++ {
			if w.invocations[i].stage != stageIdle {
				w.invocations[i].end()
			}
		}
	}
	then(w, what, rawKey(v.object))
}

func (m *model) now(w *world, v *invocation) time.Time {
	now := epoch().Add(time.Duration(w.clock)*time.Millisecond + time.Duration(w.spent.hours)*2*maxReserved + time.Duration(w.spent.days)*day)
	if v.fast {
		now = now.Add(m.skew)
	}
	return now
}

func (m *model) situation(w *world, v *invocation) situation {
	s := situation{delivery: m.deliveries[v.delivery], exists: v.delivery != 0, etag: "e", mapping: string('m' + rune(v.mapping)), now: m.now(w, v)}
	s.replay = v.ask.request().asks(&s)
	return s
}

// candidate returns what delivery.candidate reads.
func (m *model) candidate(w *world, v *invocation) candidate {
	c := candidate{place: place{order: orderOf(v.object)}, recorded: m.deliveries[v.delivery].Scan, register: m.registers[w.register]}
	c.commits, _ = standing(c.register.Commits(), func(one *archive.Commit) (fate, error) {
		if one.RawKey == rawKey(v.object) {
			return fateOf(&m.deliveries[v.delivery], one.ScanID), nil
		}
		return fateOf(&m.deliveries[w.deliveries[objectOf(one.RawKey)]], one.ScanID), nil
	})
	c.forceLapsed = w.register == 0 && v.ask != askForced && !m.rules.forceLasts
	if m.rules.headOnly {
		c.commits = c.commits[:min(1, len(c.commits))]
	}
	return c
}

// readDocumented returns what delivery.readDocumented reads.
func (m *model) readDocumented(w *world, v *invocation, c *candidate) *documentedScans {
	a := &documentedScans{}
	for o, id := range w.deliveries[:m.objects] {
		if id != 0 && uint8(o) != v.object {
			a.add(&m.deliveries[id], "", c)
		}
	}
	return a
}

// askDocuments asks the delivery documents what is shown, and reports whether a newer scan is
// to be waited for.
func (m *model) askDocuments(w *world, v *invocation, c *candidate) (wait bool) {
	if w.register != 0 && w.register == v.askedFor || m.rules.trustsRegister {
		return false
	}
	a := m.readDocumented(w, v, c)
	c.addDocumented(a, w.register != 0)
	v.askedFor = w.register
	return w.register == 0 && a.underWay != "" && !m.rules.waitsForNobody
}

// newID returns a scan id that nothing names, and under which nothing was sent.
func (m *model) newID(w *world, v *invocation) string {
	if m.rules.derivedScanIDs {
		return scanID(v.object, m.deliveries[v.delivery].Generation+1)
	}
	named := m.references(w)
	n := uint8(1)
	for named.has(v.object, n) || w.sink.rows[v.object][n] != (rows{}) {
		n++
	}
	return scanID(v.object, int(n))
}

// advance takes the next step of an invocation, without a fault first, and then with each
// fault that may happen.
func (m *model) advance(w world, i int, then successor) {
	v := &w.invocations[i]
	scan := m.deliveries[v.delivery].ScanID
	switch v.stage {
	case stageLook:
		m.look(w, i, then)
	case stageTake:
		m.take(w, i, then)
	case stageSend:
		m.post(w, i, then)
		m.settle(v, m.rules.dispose(m.rules.reason(openpipeline.Busy), true))
		then(w, "stops sending: refused for now, or no time is left", scan)
	case stageDoubt:
		m.doubt(w, i, then)
	case stageCommit:
		m.commitPoint(w, i, then)
	case stageReserve:
		m.reserve(w, i, then)
	case stageAnnounce:
		m.announce(w, i, then)
	case stageRelease:
		d := m.deliveries[v.delivery]
		d.Lease, d.Done = nil, m.rules.done(&d.Scan)
		v.delivery = m.keepDelivery(d)
		m.writeDelivery(w, i, stageEnded, "releases", then)
	}
}

// look is step 2, and prepares what step 3 writes.
func (m *model) look(w world, i int, then successor) {
	v := &w.invocations[i]
	s, c := m.situation(&w, v), m.candidate(&w, v)
	if v.ask == askForced && w.register == 0 {
		m.askDocuments(&w, v, &c) // the commit point waits
	}
	v.ask.request().mark(&s, &c)
	if v.ask == askForced {
		m.forceOver(&w, v.object, &c.register)
	}
	d := s.delivery
	d.RawKey, d.ETag, d.Mapping = rawKey(v.object), s.etag, s.mapping
	d.Lease = &archive.Lease{Until: epoch()}
	decided := s.step(&c)
	if decided == stepSend && !c.forced() && w.register != 0 {
		m.askDocuments(&w, v, &c)
		decided = s.step(&c)
	}
	switch decided {
	case stepDone:
		v.end()
		then(w, "leaves it: a newer scan is committed", d.ScanID)
		return
	case stepSupersede:
		w.held = w.held || m.heldBack(&w, v.object)
		d.Order, d.State, d.Lease = c.order, archive.DeliverySuperseded, nil
	default:
		d.Scan = m.rules.begin(&s, &c, d.RawKey, m.newID(&w, v))
	}
	v.finishes = decided == stepFinish
	v.delivery, v.stage = m.keepDelivery(d), stageTake
	then(w, "reads the register", d.ScanID)
}

// forceOver notes over which generations of newer objects an object was forced.
func (m *model) forceOver(w *world, object uint8, register *archive.Register) {
	over := &w.forced[object]
	for _, one := range register.Commits() {
		o := objectOf(one.RawKey)
		over[o] = max(over[o], uint8(one.Generation))
	}
	for o, id := range w.sink.greatest {
		over[o] = max(over[o], uint8(m.registers[id].Generation))
	}
}

// heldBack reports whether no newer object than this one is shown, nor may be, as far as
// the documents tell. A newer object may be shown if it failed in doubt, or if it was
// committed and no document says for sure that its scan event was refused.
func (m *model) heldBack(w *world, object uint8) bool {
	for o := object + 1; o < m.objects; o++ {
		d := &m.deliveries[w.deliveries[o]]
		failed := d.State == archive.DeliveryFailed && !d.Doubt
		if w.sink.greatest[o] != 0 || d.ScanID != "" && !failed && d.State != archive.DeliverySuperseded {
			return false
		}
	}
	return !slices.ContainsFunc(m.registers[w.register].Commits(), func(one archive.Commit) bool {
		return objectOf(one.RawKey) > object && (!w.sink.refused.hasID(one.ScanID) || !w.sink.told.hasID(one.ScanID))
	})
}
