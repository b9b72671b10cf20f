package status_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/status"
	"runecast-ingest/internal/store"
)

// estate is an archive made at random, and the figures that status must give of it.
type estate struct {
	*bucket
	objects  int
	total    payload.ScanCounts
	bySystem map[string]payload.ScanCounts
	troubled int // scans that need a look
}

var states = []string{archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliveryFailed, archive.DeliverySending, "", "a state of a later release"}

func counts(s *archive.Scan) payload.ScanCounts {
	c := payload.ScanCounts{Quarantined: s.Quarantined}
	switch s.State {
	case archive.DeliveryComplete:
		c.Complete = 1
	case archive.DeliverySuperseded:
		c.Superseded = 1
	case archive.DeliveryFailed:
		c.Failed = 1
	default:
		c.Pending = 1
	}
	return c
}

func (e *estate) scan(t *rapid.T, owner archive.System) archive.Scan {
	s := archive.Scan{State: rapid.SampledFrom(states).Draw(t, "state"), Quarantined: rapid.Int64Range(0, 2).Draw(t, "quarantined")}
	c := counts(&s)
	e.total = sum(e.total, c)
	name := fmt.Sprintf("%s (%s)", owner.Name, owner.ID)
	e.bySystem[name] = sum(e.bySystem[name], c)
	if c.Failed+c.Pending > 0 || c.Quarantined > 0 {
		e.troubled++
	}
	return s
}

func newEstate(t *rapid.T) *estate {
	e := &estate{bucket: newBucket(), bySystem: map[string]payload.ScanCounts{}}
	ids := rapid.SliceOfNDistinct(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "/subscriptions/a b/ü", "../../raw/manual/x", "a\x00b", "manual:x"})), 1, 5, rapid.ID[string]).Draw(t, "ids")
	var systems []archive.System
	for _, id := range ids {
		s := archive.System{ID: id, Name: rapid.String().Draw(t, "name"), Type: "AWS"}
		e.committed(s, "scan of "+id, "raw/x")
		systems = append(systems, s)
		e.bySystem[fmt.Sprintf("%s (%s)", s.Name, s.ID)] = payload.ScanCounts{}
	}
	n := rapid.IntRange(0, 60).Draw(t, "objects")
	for i := range n {
		at := noon.Add(-time.Duration(rapid.IntRange(1, 8*24*60).Draw(t, "minutes")) * time.Minute).Add(time.Duration(i) * time.Second)
		inside := !at.Before(noon.Add(-7 * 24 * time.Hour))
		system := rapid.SampledFrom(systems).Draw(t, "system")
		if rapid.IntRange(0, 4).Draw(t, "kind") > 0 {
			key := e.archived(at, system.ID, system.Name)
			if inside {
				e.objects++
				e.delivered(key, e.scan(t, system))
			}
			continue
		}
		key := fmt.Sprintf("raw/manual/%03d.json", i)
		e.put(key, nil, at)
		if !inside {
			continue
		}
		e.objects++
		other := rapid.SampledFrom(systems).Draw(t, "other")
		e.delivered(key, archive.Scan{}, archive.SystemScan{System: system, Scan: e.scan(t, system)}, archive.SystemScan{System: other, Scan: e.scan(t, other)})
	}
	return e
}

// Whatever is in the archive, and whatever the systems are called, the figures of the
// systems add up to the totals, and pages add up to the whole.
func TestFiguresAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := newEstate(rt)
		limit := rapid.IntRange(1, 70).Draw(rt, "limit")
		answers := e.pages(t, payload.StatusRequest{Limit: limit}, 61)
		if most := (e.objects + limit - 1) / limit; len(answers) > max(most, 1) {
			rt.Errorf("%d answers of %d objects each for %d objects", len(answers), limit, e.objects)
		}
		for name, all := range map[string][]payload.StatusAnswer{"one answer": {e.must(t, payload.StatusRequest{})}, "pages": answers} {
			objects, sums := total(all...)
			if d := cmp.Diff(e.total, sums); d != "" || objects != e.objects {
				rt.Errorf("%s: %d objects of %d; %s", name, objects, e.objects, d)
			}
			if d := cmp.Diff(e.bySystem, bySystem(all...)); d != "" {
				rt.Errorf("%s: %s", name, d)
			}
			troubled := 0
			for i, r := range all {
				troubled += len(r.Attention) + r.AttentionOmitted
				if len(r.Attention) > 50 {
					rt.Errorf("%d in attention", len(r.Attention))
				}
				if last := i == len(all)-1; (r.Cursor == "") != last || !last && r.Objects != limit {
					rt.Errorf("%s: answer %d has %d objects, cursor %q", name, i, r.Objects, r.Cursor)
				}
			}
			if troubled != e.troubled {
				rt.Errorf("%s: %d need a look, want %d", name, troubled, e.troubled)
			}
		}
	})
}

// The newest objects come first, and attention lists the newest fifty scans.
func TestNewestFirst(t *testing.T) {
	t.Parallel()
	b := newBucket()
	for i := range 300 {
		b.archived(noon.Add(-time.Duration(i+1)*30*time.Minute), vc1.ID, vc1.Name)
	}
	r := b.must(t, payload.StatusRequest{})
	if len(r.Attention) != 50 || r.AttentionOmitted != 250 {
		t.Fatalf("%d and %d omitted", len(r.Attention), r.AttentionOmitted)
	}
	for i, a := range r.Attention {
		if want := archive.RawKey(noon.Add(-time.Duration(i+1)*30*time.Minute), noon.Add(-time.Duration(i+1)*30*time.Minute).Format("20060102T150405Z")+"-4f3a", vc1.ID, vc1.Name); a.Key != want {
			t.Fatalf("number %d is %s, want %s", i, a.Key, want)
		}
	}
	days := func(r payload.StatusAnswer) (newest, oldest string) {
		return r.Attention[0].Key[:20], r.Attention[len(r.Attention)-1].Key[:20]
	}
	pages := b.pages(t, payload.StatusRequest{Limit: 100}, 3)
	for i := 1; i < len(pages); i++ {
		_, oldest := days(pages[i-1])
		if newest, _ := days(pages[i]); newest > oldest {
			t.Errorf("answer %d goes back to %s, the one before ended with %s", i, newest, oldest)
		}
	}
}

// An invocation with little time answers before its deadline, leaves out no object, and
// the next one goes on.
func TestStatusEndsBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	for name, perCall := range map[string]time.Duration{"fast": 5 * time.Millisecond, "slow": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBucket()
			for i := range 3000 {
				key := b.archived(noon.Add(-time.Duration(i+1)*3*time.Minute), vc1.ID, vc1.Name)
				b.delivered(key, archive.Scan{State: archive.DeliveryComplete})
			}
			b.perCall = perCall
			var all []payload.StatusAnswer
			for next := ""; ; {
				b.ahead.Store(0)
				ctx, cancel := context.WithDeadline(t.Context(), noon.Add(100*time.Second))
				r, err := status.New(store.New(b, "archive"), b.Now).Status(unhurried{ctx}, payload.StatusRequest{Next: next})
				cancel()
				if err != nil || b.Now().After(noon.Add(75*time.Second+257*perCall)) {
					t.Fatalf("%v, %s after its beginning: it has until 75 s, and what it had begun to read", err, b.Now().Sub(noon))
				}
				if all = append(all, r); r.Cursor == "" {
					break
				}
				next = r.Cursor
			}
			if objects, sums := total(all...); objects != 3000 || sums.Complete != 3000 || (len(all) > 1) != (name == "slow") {
				t.Errorf("%d answers, %d objects, %+v", len(all), objects, sums)
			}
		})
	}
}

// unhurried is a context with a deadline by the test's clock. It never ends by the real
// clock, which may be before or long after that deadline.
type unhurried struct{ context.Context }

func (unhurried) Done() <-chan struct{} { return nil }
func (unhurried) Err() error            { return nil }

// The calls of S3 are those that the comment of Status names: a page of the list per
// thousand objects of a day, one read per object, one per system and one of the sweep
// document.
func TestCallsOfS3(t *testing.T) {
	t.Parallel()
	const objects, systems = 30_000, 40
	b := newBucket()
	perDay := map[string]int{}
	for i := range systems {
		s := archive.System{ID: fmt.Sprint("id/", i), Name: fmt.Sprintf("vc%d.example", i)}
		b.committed(s, fmt.Sprint("s", i), "raw/x")
	}
	for i := range objects {
		s := i % systems
		at := noon.Add(-time.Duration(i/systems+1) * 4 * time.Minute) // more than two days
		key := b.archived(at, fmt.Sprint("id/", s), fmt.Sprintf("vc%d.example", s))
		b.objects[archive.DeliveryKey(key)] = object{body: []byte(`{"schema":"runecast-delivery/1","etag":"\"e\"","state":"complete","quarantined":1}`), etag: `"d"`}
		perDay[at.Format(time.DateOnly)]++
	}
	lists := int64(1 + 1 + 1) // the registers, the oldest day, the hand-made documents
	for n := range maps.Values(perDay) {
		lists += int64((n + pageSize - 1) / pageSize)
	}
	r := b.must(t, payload.StatusRequest{Limit: objects})
	if r.Objects != objects || r.Complete != objects || r.Quarantined != objects || len(r.Systems) != systems || r.Cursor != "" || r.AttentionOmitted != objects-50 {
		t.Errorf("%d objects, %+v, %d systems, cursor %q", r.Objects, r.ScanCounts, len(r.Systems), r.Cursor)
	}
	t.Logf("%d objects on %d days, %d systems: %d lists and %d reads of S3", objects, len(perDay), systems, b.lists.Load(), b.gets.Load())
	if b.lists.Load() != lists || b.gets.Load() != objects+systems+1 {
		t.Errorf("want %d lists and %d reads", lists, objects+systems+1)
	}
}
