package deliver

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
)

// As long as the appliance's clock does not go back, the order of runs and
// hand-made documents is total: if a is older than b, and b than c, then a is older than c.
func TestPlacesAreInOneOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minute := func(n int) time.Time { return order(0).StartedAt.Add(time.Duration(n) * time.Minute) }
		var places []*place
		at := 0
		for i := range rapid.IntRange(1, 6).Draw(t, "runs") {
			start := at + rapid.IntRange(1, 60).Draw(t, "pause")
			at = start + rapid.IntRange(0, 60).Draw(t, "takes")
			run := &place{order: archive.Order{StartedAt: minute(start), Run: string(rune('a' + i))}, completedAt: minute(at), storedAt: minute(at + 1)}
			if rapid.IntRange(0, 4).Draw(t, "no time") == 0 {
				run.completedAt = time.Time{}
			}
			places = append(places, run)
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "documents") {
			completed := rapid.IntRange(-60, at+30).Draw(t, "completed")
			uploaded := minute(completed + rapid.IntRange(-5, 500).Draw(t, "uploaded"))
			places = append(places, &place{
				handMade: true, completedAt: minute(completed), storedAt: uploaded,
				order: archive.Order{StartedAt: uploaded, Run: archive.ManualPrefix + string(rune('a'+i))},
			})
		}
		for _, p := range places {
			for _, q := range places {
				if p.compare(q) != -q.compare(p) || p == q && p.compare(q) != 0 {
					t.Fatalf("%+v, %+v: %d and %d", p, q, p.compare(q), q.compare(p))
				}
				newer := slices.ContainsFunc(places, func(r *place) bool { return p.compare(q) > 0 && q.compare(r) > 0 && p.compare(r) <= 0 })
				if newer {
					t.Fatalf("%+v is newer than %+v, but not than what that is newer than", p, q)
				}
			}
		}
	})
}

// Only the delivery document decides what became of a commit: a commit counts until the
// document says for sure that it failed.
func TestFatesOfCommits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scan archive.Scan
		want fate
	}{
		"no document":            {archive.Scan{}, fateOpen},
		"sending":                {archive.Scan{ScanID: "s1", State: archive.DeliverySending}, fateOpen},
		"complete":               {archive.Scan{ScanID: "s1", State: archive.DeliveryComplete}, fateShown},
		"superseded":             {archive.Scan{ScanID: "s1", State: archive.DeliverySuperseded}, fateOpen},
		"failed":                 {archive.Scan{ScanID: "s1", State: archive.DeliveryFailed}, fateFailed},
		"failed in doubt":        {archive.Scan{ScanID: "s1", State: archive.DeliveryFailed, Doubt: true}, fateOpen},
		"failed, shown before":   {archive.Scan{ScanID: "s1", State: archive.DeliveryFailed, Announced: true}, fateShown},
		"sending, shown already": {archive.Scan{ScanID: "s1", State: archive.DeliverySending, Announced: true}, fateShown},
		"another generation":     {archive.Scan{ScanID: "s2", State: archive.DeliveryComplete}, fateOpen},
		"ended complete":         {archive.Scan{ScanID: "s2", State: archive.DeliveryFailed, Ended: archive.Ended{ScanID: "s1", State: archive.DeliveryComplete}}, fateShown},
		"ended failed":           {archive.Scan{ScanID: "s2", State: archive.DeliverySending, Ended: archive.Ended{ScanID: "s1", State: archive.DeliveryFailed}}, fateFailed},
		"complete, then sent again and not even begun": {archive.Scan{ScanID: "s1", State: archive.DeliveryFailed, Ended: archive.Ended{ScanID: "s1", State: archive.DeliveryComplete}}, fateShown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fateOf(&archive.Delivery{Scan: c.scan}, "s1"); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
