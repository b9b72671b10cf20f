// Package status tells an operator how the archive stands: what is delivered,
// what waits, what failed, what was refused, and what each system shows. It
// promises to write nothing, to end before its deadline with a cursor to go on
// by, and that its memory grows with the systems, not with the objects.
package status

import (
	"context"
	"math"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// Reader reads the state of one archive. It is safe for concurrent use.
type Reader struct {
	archive *store.Store
	now     func() time.Time
}

// New makes a reader with a wall clock.
func New(store *store.Store, now func() time.Time) *Reader {
	return &Reader{archive: store, now: now}
}

// Counts are scans by the state of their delivery. An archived object is one
// scan; a hand-made document may hold several.
type Counts struct {
	Complete   int `json:"complete"`
	Superseded int `json:"superseded"`
	Failed     int `json:"failed"`
	Pending    int `json:"pending"`
	// Quarantined counts events that the endpoint refused.
	Quarantined int64 `json:"quarantined"`
}

// Report is the answer to status.
type Report struct {
	// Since and Until are the window; Until itself is not in it.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Objects is the number of raw objects seen.
	Objects int `json:"objects"`
	Counts
	// OldestPending is nil if nothing waits.
	OldestPending *Waiting `json:"oldestPending"`
	// Systems are sorted by name; those that are committed but have no object
	// in the window, too.
	Systems []System `json:"systems"`
	// Attention lists the newest 50 scans that are failed or pending, or had
	// events refused.
	Attention        []Attention `json:"attention"`
	AttentionOmitted int         `json:"attentionOmitted"`
	// Earlier are the objects of before the window that the last sweep left
	// open and that are still open, at most 1,000: pending, too, but in no other
	// figure. Attention lists them. Only an answer without a cursor's "next" has them.
	Earlier int `json:"earlier"`
	// Cursor goes into the next request's "next"; empty: all was seen.
	Cursor string `json:"cursor"`
	// Next says what to do now.
	Next string `json:"next"`
}

// Waiting is how long the oldest pending object waits.
type Waiting struct {
	// Time is when it was stored.
	Time    time.Time `json:"time"`
	Seconds int64     `json:"seconds"`
}

// System is what is known of one system.
type System struct {
	// System is its name; of one that was never committed what its keys show
	// of it, without id and type. Documents that name no system are one entry,
	// "(not named)".
	System string `json:"system"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	// Committed is the scan that the dashboard shows; nil: none.
	Committed *Committed `json:"committed"`
	Counts
}

// Committed is the newest committed scan of a system.
type Committed struct {
	Run        string `json:"run"`
	ScanID     string `json:"scanId"`
	Generation int    `json:"generation"`
	// CompletedAt is when the appliance finished it, as it said.
	CompletedAt time.Time `json:"completedAt,omitzero"`
	CommittedAt time.Time `json:"committedAt"`
	// AgeHours is since CompletedAt, or CommittedAt if that is not known.
	AgeHours float64 `json:"ageHours"`
	RawKey   string  `json:"rawKey"`
}

func committed(r *archive.Register, now time.Time) *Committed {
	c := &Committed{Run: r.Order.Run, ScanID: r.ScanID, Generation: r.Generation, CompletedAt: r.CompletedAt, CommittedAt: r.CommittedAt, RawKey: r.RawKey}
	from := c.CompletedAt
	if from.IsZero() {
		from = c.CommittedAt
	}
	c.AgeHours = math.Round(max(0, now.Sub(from).Hours())*10) / 10
	return c
}

// Attention is a scan that needs a look, or a commit register.
type Attention struct {
	Key    string `json:"key"`
	System string `json:"system"`
	// State is complete, superseded, failed or pending; of a commit register
	// that cannot be read "unreadable".
	State       string `json:"state"`
	Reason      string `json:"reason"`
	Generation  int    `json:"generation"`
	Quarantined int64  `json:"quarantined"`
	// Doubt: it cannot be known which events of this generation were accepted.
	Doubt bool `json:"doubt"`
	// LeaseUntil is until when an invocation holds it, or held it.
	LeaseUntil *time.Time `json:"leaseUntil,omitempty"`

	created time.Time
}

// Status sums up the deliveries of a window by two reads of S3 per thousand
// objects, one per object, one per system and one of what sweeps remember. An unreadable request is a fault
// of class Reject.
func (r *Reader) Status(ctx context.Context, req Request) (Report, error) {
	w, err := r.walk(ctx, req)
	if err != nil {
		return Report{}, err
	}
	t, err := w.look(ctx, func(a *Attention) bool {
		return a.State == archive.DeliveryFailed || a.State == archive.DeliveryPending || a.Quarantined > 0
	})
	if err != nil {
		return Report{}, err
	}
	rep := Report{
		Since: w.at.Since, Until: w.at.Until, Objects: t.objects, Counts: t.total, Earlier: t.earlier,
		Systems: t.sorted(), Attention: t.attention, AttentionOmitted: t.omitted,
	}
	if !t.waiting.IsZero() {
		rep.OldestPending = &Waiting{Time: t.waiting, Seconds: int64(t.now.Sub(t.waiting).Seconds())}
	}
	if rep.Cursor, err = w.cursor(); err == nil {
		rep.Next = rep.advice(w.at.Asked.System)
	}
	return rep, err
}

// look reads the registers, then the deliveries.
func (w *walk) look(ctx context.Context, notable func(*Attention) bool) (*tally, error) {
	registers, err := w.r.archive.Registers(ctx)
	if err != nil {
		return nil, err
	}
	systems := store.DirectoryOf(registers)
	var system *archive.Named
	if asked := w.at.Asked.System; asked != "" {
		system = systems.Named(asked)
	}
	t := newTally(systems, system, w.r.now(), notable)
	if t.sweep, err = w.r.sweep(ctx); err != nil {
		return nil, err
	}
	for o, err := range w.r.archive.Deliveries(ctx, w.objects(ctx, system)) {
		if err != nil {
			return nil, err
		}
		t.add(o)
	}
	if !w.begun {
		if err := w.earlier(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err // what was read last is not what the archive says
	}
	for _, c := range registers {
		if c.Err != nil {
			t.notice(Attention{Key: c.Key, State: stateUnreadable, Reason: c.Err.Error(), created: t.now})
		}
	}
	t.cut()
	return t, nil
}

const stateUnreadable = "unreadable"

func (w *walk) cursor() (string, error) {
	if !w.more {
		return "", nil
	}
	return w.at.cursor()
}

// advice says what to do about what was found, the worst first.
func (r *Report) advice(system string) string {
	more := ""
	if r.Cursor != "" {
		more = `; these are not all objects: the same with "next" set to the cursor goes on, and its figures add to these`
	}
	switch {
	case len(r.Systems) == 0 && r.Objects == 0 && system != "" && r.Cursor == "":
		return "check the name: no system is known by it in this window"
	case r.Objects == 0 && r.Cursor == "":
		return `nothing was archived in this window: ask the collector with {"action":"status"}, or look further back with "since"`
	case len(r.Attention) > 0 && r.Attention[0].State == stateUnreadable:
		return "mend the commit registers in attention first: their systems cannot be delivered" + more
	case r.Failed > 0:
		return `mend what the reasons in attention say, then {"action":"replay","state":"failed"}` + more
	case r.Pending+r.Earlier > 0:
		return `wait for the sweep, or send {"action":"sweep"}; a reason in attention that names a cure needs you first` + more
	case r.Quarantined > 0:
		return `{"action":"quarantine"} shows what was refused, and why` + more
	case more != "":
		return "nothing to do so far" + more
	}
	return "nothing: all is delivered"
}
