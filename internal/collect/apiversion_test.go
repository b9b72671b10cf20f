package collect

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
)

// start is the request that the schedule sends in the current night.
func (w *world) start(t *testing.T) (payload.RunAnswer, error) {
	t.Helper()
	return w.handle(t, fmt.Sprintf(`{"action":"start","scheduledTime":%q}`, time.Now().UTC().Format(time.RFC3339)))
}

// archivedIDs are the ids of the systems that a run archived, sorted.
func (w *world) archivedIDs(t *testing.T, run string) (ids []string) {
	t.Helper()
	for _, s := range w.store.run(t, archive.RunKey(run)).Systems {
		if s.State == archive.SystemArchived {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// lose deletes a document.
func (w *world) lose(key string) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	delete(w.store.objects, key)
	delete(w.store.etags, key)
}

// Each version of the API has its own ids of systems. So whatever the appliance answers
// on a later night, the runs keep to the version of the first run, or fail with the
// cure; only a person changes the version.
func TestAPIVersionIsKept(t *testing.T) {
	t.Parallel()
	refused := func(change func(http.ResponseWriter, *http.Request)) func(*world) {
		return func(w *world) {
			w.wire.intercept = func(rec http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(r.URL.Path, "/rca/") {
					change(rec, r)
					return true
				}
				return false
			}
		}
	}
	is := func(api string) func(*world) { return func(w *world) { w.wire.api = api } }
	cases := map[string]struct {
		first   string       // what the appliance has in the first night
		changes func(*world) // before the second
		says    string       // the error of the second night; empty: none
		heals   func(*world) // before the third; nil: nothing
		ids     [3][]string  // archived in each night
	}{
		"v2 is not found for a night": {both, refused(http.NotFound),
			"set RUNECAST_API=v1", func(w *world) { w.wire.intercept = nil }, [3][]string{{"2772", "2773"}, nil, {"2772", "2773"}}},
		"v2 leads to the user interface for a night": {both, refused(func(rec http.ResponseWriter, r *http.Request) { http.Redirect(rec, r, "/rc2/login", http.StatusFound) }),
			"API v2, which the runs before used, does not answer now", func(w *world) { w.wire.intercept = nil }, [3][]string{{"2772", "2773"}, nil, {"2772", "2773"}}},
		"v2 comes": {runecast.V1, is(both), "", nil, [3][]string{{"a", "b"}, {"a", "b"}, {"a", "b"}}},
		"v1 goes":  {runecast.V1, is(runecast.V2), "set RUNECAST_API=v2", is(both), [3][]string{{"a", "b"}, nil, {"a", "b"}}},
		"a person changes, and leaves it to auto again": {runecast.V1, func(w *world) { w.wire.api, w.wire.set = both, runecast.V2 },
			"", func(w *world) { w.wire.set = "" }, [3][]string{{"a", "b"}, {"2772", "2773"}, {"2772", "2773"}}},
	}
	for name, c := range cases {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, active.json lost %t", name, lost), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWire(c.first, "a", "b")
					for night, prepare := range []func(*world){nil, c.changes, c.heals} {
						if prepare != nil {
							prepare(w)
						}
						if lost && night > 0 {
							w.lose(archive.ActiveRunKey)
						}
						before := len(w.store.raw())
						a, err := w.start(t)
						switch {
						case night == 1 && c.says != "":
							if err == nil || fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), c.says) || len(w.store.raw()) != before {
								t.Errorf("night %d: %+v, %v", night, a, err)
							}
						case err != nil:
							t.Fatalf("night %d: %v", night, err)
						default:
							w.ticks(t, 5)
							if got := w.archivedIDs(t, a.Run); !slices.Equal(got, c.ids[night]) {
								t.Errorf("night %d: archived %v, want %v", night, got, c.ids[night])
							}
						}
						pass(day)
					}
				})
			})
		}
	}
}

// A lost runs/active.json does not let a later run be older than one before, and
// a document that cannot be read does not hide those before it.
func TestLostActiveRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(runecast.V1, "a")
		first := w.must(t, nightly)
		w.ticks(t, 5)
		pass(day)
		second, err := w.start(t)
		if err != nil {
			t.Fatal(err)
		}
		w.ticks(t, 5)
		w.lose(archive.ActiveRunKey)
		w.store.broken = map[string]error{archive.RunKey(second.Run): &fault.Error{Class: fault.Reject, What: "it is not JSON"}}
		w.wire.api = both
		w.options.Now = func() time.Time { return time.Now().Add(-2 * day) } // a clock that is behind
		third := w.must(t, `{}`)
		before, now := w.store.run(t, archive.RunKey(first.Run)), w.store.run(t, archive.ActiveRunKey)
		if now.ID != third.Run || !now.StartedAt.After(before.StartedAt) || now.Appliance.API != runecast.V1 {
			t.Errorf("run %s began %s by API %s, after %s at %s", now.ID, now.StartedAt, now.Appliance.API, before.ID, before.StartedAt)
		}
	})
}
