package deliver

import (
	"runecast-ingest/internal/archive"
)

// commitPoint is the first half of step 6: it reads the register and decides.
func (m *model) commitPoint(w world, i int, then successor) {
	if old := w; w.register != 0 && w.spent.hours < m.limit.hours {
		old.spent.hours++
		m.decide(old, i, "hours later, ", then)
	}
	m.decide(w, i, "", then)
}

func (m *model) decide(w world, i int, when string, then successor) {
	v := &w.invocations[i]
	d := m.deliveries[v.delivery]
	c, now := m.candidate(&w, v), m.now(&w, v)
	what := "finds its commit reserved"
	wait := w.register == 0 && m.askDocuments(&w, v, &c)
	if again := c; c.atCommitPoint(now) == commitWrite && !c.forced() && w.register != 0 {
		m.askDocuments(&w, v, &again)
		c = again
	}
	switch decided := m.rules.atCommitPoint(&c, now); {
	case v.announced && (decided == commitSupersede || decided == commitStop):
		m.settle(v, m.rules.dispose(becauseComplete, false))
		what = "finds a later commit, but has sent its scan event"
	case wait:
		m.settle(v, m.rules.dispose(becauseUnderWay, false))
		what = "waits for a newer scan that is under way"
	case decided == commitMine:
		v.register, v.stage = w.register, stageAnnounce
	case decided == commitWait:
		m.settle(v, m.rules.dispose(becauseAhead, false))
		what = "finds its commit reserved for later"
	case decided == commitAnew:
		v.stage = stageDoubt
		what = "finds its rows too old, or that it was replaced"
	case decided == commitSupersede:
		w.held = w.held || m.heldBack(&w, v.object)
		m.settle(v, m.rules.dispose(becauseSuperseded, false))
		what = "finds a newer scan committed"
	case decided == commitStop:
		m.settle(v, m.rules.dispose(becauseTakenOver, false))
		what = "finds a higher generation committed"
	case m.rules.rechecks && !v.announced:
		v.stage = stageAnnounce
		what = "finds nothing newer committed"
	default:
		v.register = m.keepRegister(m.rules.reservation(&c, d.RawKey, now))
		v.registerCurrent, v.stage = true, stageReserve
		what = "is about to commit"
	}
	then(w, when+what, d.ScanID)
}

// reserve is the second half of step 6: the conditional write.
func (m *model) reserve(w world, i int, then successor) {
	v := w.invocations[i]
	r := &m.registers[v.register]
	if !v.registerCurrent && !m.rules.blindRegister {
		w.invocations[i].stage, w.invocations[i].register = stageCommit, 0
		then(w, "cannot write the register: somebody else has", r.ScanID)
		return
	}
	v.delivery = m.reserved(v.delivery)
	w.invocations[i].delivery = v.delivery
	written := w
	written.wroteRegister(v.register)
	u := &written.invocations[i]
	switch {
	case v.announced:
		m.settle(u, m.rules.dispose(becauseComplete, false))
	case tooEarly(r.Timestamp, m.now(&w, &v)):
		m.settle(u, m.rules.dispose(becauseAhead, false))
	default:
		u.stage = stageAnnounce
	}
	then(written, "writes the register", r.ScanID)
	if w.spent.lost < m.limit.lost {
		w.spent.lost++
		w.send(message{kind: lateRegister, register: v.register})
		m.settle(&w.invocations[i], m.rules.dispose(becauseInterrupted, false))
		then(w, "writes the register: no answer, and not to be seen", r.ScanID)
	}
}

// reserved returns a delivery whose scan the register names, or may name.
func (m *model) reserved(id deliveryID) deliveryID {
	d := m.deliveries[id]
	d.Reserved = !m.rules.recommits
	return m.keepDelivery(d)
}

// announce is step 7.
func (m *model) announce(w world, i int, then successor) {
	v := &w.invocations[i]
	if m.rules.ownClock {
		w.clock++
		v.register = m.stamped(&w, v)
	}
	event := v.register
	scan := m.registers[event].ScanID
	if !w.sink.refused.hasID(scan) {
		m.announced(w, i, then)
	}
	m.refused(w, i, then)
	if w.spent.timeouts < m.limit.timeouts {
		late := w
		late.spent.timeouts++
		late.send(message{kind: lateScanEvent, register: event})
		then(late, "sends the scan event: no answer", scan)
	}
	m.settle(v, m.rules.dispose(becauseUnannounced, false))
	then(w, "stops before the scan event is accepted", scan)
}

// stamped returns a scan event with the time of sending.
func (m *model) stamped(w *world, v *invocation) registerID {
	d := &m.deliveries[v.delivery]
	return m.keepRegister(archive.Register{
		Order: orderOf(v.object), Generation: d.Generation, ScanID: d.ScanID, RawKey: d.RawKey, Timestamp: m.now(w, v),
	})
}

func (m *model) announced(w world, i int, then successor) {
	v := &w.invocations[i]
	scan := m.registers[v.register].ScanID
	m.show(&w.sink, v.register)
	d := m.deliveries[v.delivery]
	d.Timestamp = m.registers[v.register].Timestamp
	v.delivery = m.keepDelivery(d)
	if m.rules.eventFirst && !v.announced {
		v.announced, v.stage, v.register = true, stageCommit, 0
	} else {
		m.settle(v, m.rules.dispose(becauseComplete, false))
	}
	then(w, "sends the scan event: accepted", scan)
}

// refused is the answer 400 to the scan event; the same bytes always get the same answer.
func (m *model) refused(w world, i int, then successor) {
	v, s := &w.invocations[i], &w.sink
	scan := m.registers[v.register].ScanID
	if !s.refused.hasID(scan) {
		accepted := m.registers[s.shown].ScanID == scan || m.registers[s.greatest[v.object]].ScanID == scan
		if accepted || w.spent.refusals >= m.limit.refusals {
			return
		}
		w.spent.refusals++
		s.refused.add(scan)
	}
	m.settle(v, m.rules.dispose(becauseUnfit, false))
	if d := m.deliveries[v.delivery]; d.Doubt {
		d.UpdatedAt = m.now(&w, v)
		v.delivery = m.keepDelivery(d)
	}
	then(w, "sends the scan event: refused for good", scan)
}

// settle applies a disposition to an invocation: to what it is about to write, and to its
// next step.
func (m *model) settle(v *invocation, end disposition) {
	d := m.deliveries[v.delivery]
	settled := scan{SystemScan: archive.SystemScan{Scan: d.Scan}}
	settled.settle(end)
	d.Scan = settled.Scan
	v.delivery, v.stage, v.register = m.keepDelivery(d), stageRelease, 0
	if end.next == nextNothing {
		v.end()
	}
}

// writeDelivery writes an invocation's copy of the delivery document, if it is current.
func (m *model) writeDelivery(w world, i int, after stage, what string, then successor) {
	v := w.invocations[i]
	scan := m.deliveries[v.delivery].ScanID
	if !v.current && !m.rules.blindDelivery {
		w.invocations[i].end()
		then(w, what+": not written, it is another's", scan)
		return
	}
	written := w
	written.wroteDelivery(v.object)
	written.deliveries[v.object] = v.delivery
	if d := &m.deliveries[v.delivery]; scan != "" && d.State == archive.DeliveryFailed && !d.Doubt {
		written.sink.told.add(scan)
	}
	u := &written.invocations[i]
	u.current, u.stage = true, after
	if after == stageEnded {
		u.end()
	}
	then(written, what, scan)
	if w.spent.lost < m.limit.lost {
		w.spent.lost++
		w.send(message{kind: lateDelivery, object: v.object, delivery: v.delivery})
		if after == stageEnded && m.rules.sendsAfterRelease && m.deliveries[v.delivery].State == archive.DeliverySending {
			w.invocations[i].stage = stageSend
		} else {
			w.invocations[i].end()
		}
		then(w, what+": no answer, and not to be seen", scan)
	}
}

func (v *invocation) end() { *v = invocation{stage: stageEnded} }

// receive adds an accepted batch to the rows.
func (s *sink) receive(batch *message) {
	r := &s.rows[batch.object][batch.scan]
	r.mixed = r.mixed || r.count != [batches]uint8{} && r.mapping != batch.mapping
	if r.count == [batches]uint8{} || batch.day < r.day {
		r.day = batch.day
	}
	r.mapping = batch.mapping
	r.count[batch.batch] = min(2, r.count[batch.batch]+1)
}

// show adds an accepted scan event: the dashboard shows the newest.
func (m *model) show(s *sink, event registerID) {
	if s.refused.hasID(m.registers[event].ScanID) {
		return
	}
	e, shown := &m.registers[event], &m.registers[s.shown]
	if greatest := &s.greatest[objectOf(e.RawKey)]; e.Generation > m.registers[*greatest].Generation {
		*greatest = event
	}
	s.tie = s.tie || e.Timestamp.Equal(shown.Timestamp) && e.ScanID != shown.ScanID
	if m.rules.byArrival || e.Timestamp.After(shown.Timestamp) {
		s.shown = event
	}
}
