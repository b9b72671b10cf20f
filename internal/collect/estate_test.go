package collect

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/runecast"
)

// estate returns n systems with results of about so many bytes each, most of them about
// rules that failed, as in real results.
func estate(api string, n, bytes int, takes func(i int) time.Duration) *world {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("s%03d", i))
	}
	w := newWire(api, ids...)
	object := `{"vcUid":"44c4a75d-4430-4953-90e0-481747a41c6c","moid":"host-81","name":"earth.solar.system","type":"HostSystem","resultValues":[{"description":"d","value":"v"}]}`
	failed := `{"id":"1","issueDisplayId":"CIS-1","severity":"Critical","type":"CIS","title":"T","status":"FAIL","affectedObjectsCount":20,"affectedObjects":[` +
		strings.TrimSuffix(strings.Repeat(object+",", 20), ",") + `]}`
	passes := `{"id":"2","issueDisplayId":"CIS-2","severity":"Low","type":"CIS","title":"P","status":"PASS","affectedObjectsCount":0,"affectedObjects":[]}`
	detected := strings.TrimSuffix(strings.Repeat(failed+",", max(1, bytes*9/10/len(failed))), ",")
	for i, m := range w.box.machines {
		m.takes, m.detected = takes(i), "["+detected+"]"
		m.issues = "[" + detected + strings.Repeat(","+passes, max(1, bytes/10/len(passes))) + "]"
	}
	return w
}

// TestManySystems runs estates of API v1 whose analyses take 1 to 240 minutes. The
// results of all systems are downloaded twice, and once more for each half hour,
// however many systems there are, and no system waits for more than half an hour. The
// test logs the figures of a run, also for larger results:
//
//	SYSTEM_BYTES=100000 go test -v -run TestManySystems ./internal/collect
func TestManySystems(t *testing.T) {
	t.Parallel()
	size := 8_000
	if text := os.Getenv("SYSTEM_BYTES"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SYSTEM_BYTES: %v", err)
		}
	}
	cases := map[string]struct {
		n, bytes  int
		takes     func(i int) time.Duration
		downloads int // at most
		looks     int
	}{
		"500 in four hours":          {500, size, func(i int) time.Duration { return time.Minute + time.Duration(i)*239*time.Minute/499 }, 10, 100},
		"one hangs, others are fast": {100, 5_000, func(i int) time.Duration { return time.Minute * time.Duration(1+i/99*239+i%10) }, 3, 500},
		"8 small ones":               {8, 5_000, func(i int) time.Duration { return time.Duration(i+1) * 2 * time.Minute }, 2, 60},
	}
	for name, c := range cases {
		if underRace && c.n > 50 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := estate(runecast.V1, c.n, c.bytes, c.takes)
				began := time.Now()
				a := w.must(t, nightly)
				invocations := 1
				for ; a.State != archive.RunIdle && time.Since(began) < 6*time.Hour; invocations++ {
					pass(time.Until(began.Add(time.Since(began).Truncate(5*time.Minute) + 5*time.Minute)))
					a = w.must(t, `{"action":"tick"}`)
				}
				w.ticks(t, 1)
				checkArchived(t, w)
				longest, raw := time.Duration(0), int64(0)
				for _, s := range w.store.run(t, archive.ActiveRunKey).Systems {
					finished, ok := runecast.ParseTime(w.machine(s.ID).scan.Timestamp)
					if !ok {
						t.Fatal(w.machine(s.ID).scan)
					}
					longest, raw = max(longest, w.store.stored[s.RawKey].Sub(finished)), raw+s.Bytes
				}
				if w.box.gets > c.downloads || w.box.polls > c.looks || longest > 30*time.Minute {
					t.Errorf("%d downloads, %d looks; the longest wait was %s", w.box.gets, w.box.polls, longest)
				}
				t.Logf("%d systems, %d MB archived: %d calls, %d looks, %d downloads, %d MB of results, %.1f bytes per byte archived, %d writes of runs/active.json, %d invocations, longest wait %s, over after %s",
					c.n, raw>>20, w.calls, w.box.polls, w.box.gets, w.wire.served>>20, float64(w.wire.served)/float64(raw), w.store.saves, invocations, longest, w.store.stored[archive.RunKey(a.Run)].Sub(began))
			})
		})
	}
}
