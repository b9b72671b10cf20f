package deliver

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"runecast-ingest/internal/archive"
)

const (
	objects     = 3 // raw objects of one system, at most: A, and B, which is newer, and C
	batches     = 2 // of each object, one event long
	invocations = 5 // at most
	inFlight    = 3 // requests that were given up, but may still arrive
	scanIDs     = 8 // of one object, in use at the same time
)

// world is the whole state between two steps: documents, invocations, network and
// dashboard. Equal states are equal values, so that each is explored once.
type world struct {
	deliveries  [objects]deliveryID
	register    registerID
	sink        sink
	invocations [invocations]invocation
	network     [inFlight]message
	spent       faults
	clock       uint8 // milliseconds since epoch; grows with every commit
	forced      forced
	mapping     uint8 // of the release that is deployed
	held        bool  // a scan was held back, and nothing newer can be shown any more
}

// forced holds for each object the greatest generation of each newer object over which it
// was forced; 0: it was not.
type forced [objects][objects]uint8

// stage is what an invocation does next.
type stage uint8

const (
	stageIdle     stage = iota // not started
	stageLook                  // has read the delivery document; reads the register
	stageTake                  // writes the lease and the generation
	stageSend                  // sends the batches that are not done
	stageDoubt                 // does not know what was accepted
	stageCommit                // everything is accepted; reads the register
	stageReserve               // writes the register
	stageAnnounce              // sends the scan event
	stageRelease               // writes the delivery document, without the lease
	stageEnded
)

// invocation delivers one object. It dies where it takes no further step, and
// is frozen where it takes one late.
type invocation struct {
	stage  stage
	object uint8
	// delivery is its copy of the document, or what it is about to write;
	// current: nobody has written the document since it was read.
	delivery deliveryID
	current  bool
	// register is what it is about to write, or has reserved.
	register        registerID
	registerCurrent bool
	askedFor        registerID // the register for which the delivery documents were asked what is shown
	finishes        bool       // the commit point had passed before
	fast            bool       // its clock is ahead
	ask             ask
	mapping         uint8
	announced       bool // the scan event went out before the commit point (rules 01 to 03 taken away)
}

// ask is the kind of request that an invocation has.
type ask uint8

const (
	askNothing ask = iota
	askReplay
	askForced
)

// request returns the Request of an ask.
func (a ask) request() *Request {
	if a == askNothing {
		return &Request{}
	}
	return &Request{JobID: "job", Force: a == askForced}
}

// kind is the kind of a request that its sender has given up.
type kind uint8

const (
	none kind = iota
	lateBatch
	lateScanEvent
	lateDelivery // a conditional write
	lateRegister
)

type message struct {
	kind     kind
	object   uint8
	batch    uint8
	scan     uint8 // number of the scan id
	mapping  uint8
	day      uint8 // on which it was sent
	delivery deliveryID
	register registerID
}

// sink is what the dashboard reads: the rows of each scan id, the scan event that is
// shown, and for each object the accepted scan event of the greatest generation. A scan
// event that was refused once is always refused.
type sink struct {
	rows     [objects][scanIDs]rows
	shown    registerID
	greatest [objects]registerID
	tie      bool // two scans have the same timestamp
	refused  references
	// told are the refused scan ids that a delivery document names as failed, without doubt.
	told references
}

// rows count how often each batch of a scan was accepted (two stands for more).
// Batches of two mappings are not the same events: that counts as mixed.
type rows struct {
	count   [batches]uint8
	mapping uint8
	mixed   bool
	day     uint8 // of the first row
}

// deliveryID and registerID name documents in the ledger; 0: there is none.
type (
	deliveryID uint16
	registerID uint16
)

// ledger keeps every document that was ever written, each once, so that worlds
// hold its number instead of the document.
type ledger struct {
	deliveries  []archive.Delivery
	registers   []archive.Register
	deliveryIDs map[deliveryKey]deliveryID
	registerIDs map[registerKey]registerID
}

// deliveryKey distinguishes deliveries in the model.
type deliveryKey struct {
	rawKey, state, scanID, over, mapping string
	generation                           int
	done                                 [batches]bool
	doubt, force, leased, reserved       bool
	begunAt, timestamp, updatedAt        time.Time
	ended                                archive.Ended
}

// registerKey distinguishes registers: their reservations, with what stood before.
type registerKey struct {
	commits   [objects * 3]archive.Commit
	timestamp time.Time
}

func newLedger() *ledger {
	return &ledger{
		deliveries: make([]archive.Delivery, 1), deliveryIDs: map[deliveryKey]deliveryID{{}: 0},
		registers: make([]archive.Register, 1), registerIDs: map[registerKey]registerID{{}: 0},
	}
}

func (l *ledger) keepDelivery(d archive.Delivery) deliveryID {
	k := deliveryKey{d.RawKey, d.State, d.ScanID, d.Over, d.Mapping, d.Generation, doneBatches(&d.Scan), d.Doubt, d.Force, d.Lease != nil, d.Reserved, d.BegunAt, d.Timestamp, d.UpdatedAt, d.Ended}
	id, ok := l.deliveryIDs[k]
	if !ok {
		id = deliveryID(len(l.deliveries))
		l.deliveryIDs[k], l.deliveries = id, append(l.deliveries, d)
	}
	return id
}

func (l *ledger) keepRegister(r archive.Register) registerID {
	k := registerKey{timestamp: r.Timestamp}
	if copy(k.commits[:], r.Commits()) < len(r.Commits()) {
		panic("a register names more commits than the model can keep")
	}
	id, ok := l.registerIDs[k]
	if !ok {
		id = registerID(len(l.registers))
		l.registerIDs[k], l.registers = id, append(l.registers, r)
	}
	return id
}

func doneBatches(s *archive.Scan) (done [batches]bool) {
	r := doneRanges{s.Done}
	for b := range done {
		done[b] = r.contains(int64(b))
	}
	return done
}

// Names and times of the model.
func rawKey(object uint8) string { return string('A' + rune(object)) }

func objectOf(rawKey string) uint8 { return rawKey[0] - 'A' }

func scanID(object uint8, number int) string { return rawKey(object) + strconv.Itoa(number) }

func scanNumber(scanID string) uint8 { return scanID[1] - '0' }

func orderOf(object uint8) archive.Order {
	return archive.Order{StartedAt: epoch().Add(time.Duration(object) * time.Minute), Run: rawKey(object)}
}

func epoch() time.Time { return time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC) }

// day is a time after which a generation is too old.
const day = 2 * maxAge

// dayOf returns the day of a time.
func dayOf(at time.Time) uint8 { return uint8(at.Sub(epoch()) / day) }

// references are the scan ids that a document or a request still names, a bit
// each.
type references uint32

func (r references) has(object, scan uint8) bool { return r>>(object*scanIDs+scan)&1 == 1 }

func (r references) hasID(scanID string) bool { return r.has(objectOf(scanID), scanNumber(scanID)) }

func (r *references) add(scanID string) {
	if scanID != "" {
		*r |= 1 << (objectOf(scanID)*scanIDs + scanNumber(scanID))
	}
}

func (l *ledger) references(w *world) (r references) {
	ids := append([]deliveryID{}, w.deliveries[:]...)
	commits := append([]registerID{w.register, w.sink.shown}, w.sink.greatest[:]...)
	for i := range w.invocations {
		ids, commits = append(ids, w.invocations[i].delivery), append(commits, w.invocations[i].register)
	}
	for i := range w.network {
		ids, commits = append(ids, w.network[i].delivery), append(commits, w.network[i].register)
	}
	for _, id := range ids {
		r.add(l.deliveries[id].ScanID)
		r.add(l.deliveries[id].Over)
		r.add(l.deliveries[id].Ended.ScanID)
	}
	for _, id := range commits {
		for _, one := range l.registers[id].Commits() {
			r.add(one.ScanID)
		}
	}
	return r
}

// forget drops the rows of scan ids that nothing names any more, also rows still in the
// network: scan ids are random, so no scan event will ever show these rows.
func (l *ledger) forget(w *world) {
	named := l.references(w)
	w.sink.refused &= named
	w.sink.told &= named
	for o := range uint8(objects) {
		for s := range uint8(scanIDs) {
			if !named.has(o, s) {
				w.sink.rows[o][s] = rows{}
			}
		}
	}
	for i, m := range w.network {
		if m.kind == lateBatch && !named.has(m.object, m.scan) {
			w.network[i] = message{}
		}
	}
}

// sort puts invocations and requests into a fixed order, since their places play no part.
func (w *world) sort() {
	slices.SortFunc(w.invocations[:], func(a, b invocation) int { return cmp.Compare(a.rank(), b.rank()) })
	slices.SortFunc(w.network[:], func(a, b message) int { return cmp.Compare(a.rank(), b.rank()) })
}

func (v *invocation) rank() uint64 {
	flags := uint64(0)
	for _, b := range []bool{v.current, v.registerCurrent, v.finishes, v.fast, v.announced} {
		flags <<= 1
		if b {
			flags |= 1
		}
	}
	return uint64(v.askedFor)<<59 ^ uint64(v.stage)<<56 | uint64(v.object)<<48 | uint64(v.mapping)<<46 | flags<<40 | uint64(v.ask)<<38 | uint64(v.delivery)<<16 | uint64(v.register)
}

func (m *message) rank() uint64 {
	return uint64(m.kind)<<56 | uint64(m.object)<<48 | uint64(m.mapping)<<46 | uint64(m.batch)<<44 | uint64(m.day)<<38 | uint64(m.scan)<<40 | uint64(m.delivery)<<16 | uint64(m.register)
}

// send puts a request that was given up into the network.
func (w *world) send(m message) {
	i := slices.IndexFunc(w.network[:], func(m message) bool { return m.kind == none })
	w.network[i] = m
}

// wroteDelivery marks the copies of other invocations as out of date.
func (w *world) wroteDelivery(object uint8) {
	for i := range w.invocations {
		if w.invocations[i].object == object {
			w.invocations[i].current = false
		}
	}
	for i, m := range w.network {
		if m.kind == lateDelivery && m.object == object {
			w.network[i] = message{} // it would be answered 412
		}
	}
}

func (w *world) wroteRegister(id registerID) {
	w.clock++
	w.changeRegister(id)
}

// changeRegister marks the register as other invocations have read it as out of date.
func (w *world) changeRegister(id registerID) {
	w.register = id
	for i := range w.invocations {
		w.invocations[i].registerCurrent = false
	}
	for i, m := range w.network {
		if m.kind == lateRegister {
			w.network[i] = message{}
		}
	}
}
