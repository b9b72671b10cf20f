package collect

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/runecast"
)

// Of two systems whose names and ids shorten to the same key, the second is not taken
// for archived because the first is.
func TestSystemsOfOneKey(t *testing.T) {
	t.Parallel()
	ids := map[string]string{} // by key
	var first, second string
	for i := 0; second == ""; i++ {
		id := fmt.Sprint("uid-", i)
		key := archive.RawKey(time.Time{}, "r", id, "vc")
		if first = ids[key]; first != "" {
			second = id
		}
		ids[key] = id
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWire(runecast.V1, first, second, "healthy")
		for _, m := range w.box.machines[:2] {
			m.name = "vc.example"
		}
		a := w.must(t, nightly)
		w.ticks(t, 10)
		r := w.store.run(t, archive.RunKey(a.Run))
		one, two := r.Systems[0], r.Systems[1]
		if one.State != archive.SystemArchived || two.State != archive.SystemFailed || two.RawKey != "" || len(w.store.raw()) != 2 {
			t.Errorf("%d objects\n%+v\n%+v", len(w.store.raw()), one, two)
		}
		for _, says := range []string{one.RawKey, first, "rename one of the two"} {
			if !strings.Contains(two.Reason, says) {
				t.Errorf("%q does not say %s", two.Reason, says)
			}
		}
		if body := w.store.raw()[one.RawKey]; !strings.Contains(body, `"system":{"id":"`+first+`"`) {
			t.Error(body)
		}
	})
}
