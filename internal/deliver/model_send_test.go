package deliver

import (
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/openpipeline"
)

// take is step 3.
func (m *model) take(w world, i int, then successor) {
	v := &w.invocations[i]
	d := &m.deliveries[v.delivery]
	after := stageSend
	switch {
	case d.State == archive.DeliverySuperseded:
		after = stageEnded
	case v.finishes || m.allDone(&d.Scan):
		after = m.rules.whenAllDone()
	}
	m.writeDelivery(w, i, after, "takes the lease", then)
}

func (m *model) allDone(s *archive.Scan) bool {
	return (&doneRanges{s.Done}).count() == int64(m.batches)
}

// post is step 4: it sends any batch that is not done, since senders overtake each other.
func (m *model) post(w world, i int, then successor) {
	v := w.invocations[i]
	d := m.deliveries[v.delivery]
	for b, done := range doneBatches(&d.Scan) {
		if done || b >= int(m.batches) {
			continue
		}
		request := message{kind: lateBatch, object: v.object, scan: scanNumber(d.ScanID), batch: uint8(b), mapping: v.mapping, day: w.spent.days}
		accepted := w
		accepted.sink.receive(&request)
		if w.spent.gateway < m.limit.gateway {
			u := accepted
			u.spent.gateway++
			if why := m.rules.reason(openpipeline.Doubt); why == becauseDoubt {
				u.invocations[i].stage = stageDoubt
			} else {
				m.settle(&u.invocations[i], m.rules.dispose(why, true))
			}
			then(u, "sends a batch: accepted, but answered 504", d.ScanID)
		}
		if w.spent.timeouts < m.limit.timeouts {
			u := w
			u.spent.timeouts++
			u.invocations[i].stage = stageDoubt
			u.send(request)
			then(u, "sends a batch: no answer", d.ScanID)
		}
		own := d
		r := doneRanges{append([][2]int64{}, d.Done...)}
		r.add(int64(b), int64(b)+1)
		own.Done = r.ranges()
		u := &accepted.invocations[i]
		u.delivery = m.keepDelivery(own)
		if m.allDone(&own.Scan) {
			u.stage = m.rules.whenAllDone()
		}
		then(accepted, "sends a batch: accepted", d.ScanID)
	}
}

// doubt starts over in a new generation, or leaves that to the next invocation.
func (m *model) doubt(w world, i int, then successor) {
	v := &w.invocations[i]
	d := m.deliveries[v.delivery]
	if m.rules.inPlace {
		v.stage = stageSend
		then(w, "in doubt, goes on in place", d.ScanID)
		return
	}
	released, own := w, d.ScanID
	m.settle(&released.invocations[i], m.rules.dispose(becauseDoubt, false))
	if end := m.rules.dispose(becauseDoubt, true); end.next == nextStartOver {
		next := scan{SystemScan: archive.SystemScan{Scan: d.Scan}}
		next.beginNext(m.newID(&w, v), m.now(&w, v))
		d.Scan = m.rules.remembered(next.Scan)
	}
	v.delivery = m.keepDelivery(d)
	if m.rules.unwritten {
		v.stage = stageSend
		then(w, "in doubt, starts over in memory only", d.ScanID)
	} else {
		m.writeDelivery(w, i, stageSend, "in doubt, starts over", then)
	}
	then(released, "in doubt, and stops", own)
}
