package collect

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/archive"
)

func TestDownloadIsDue(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	minutes := func(n float64) time.Time { return began.Add(time.Duration(n * float64(time.Minute))) }
	cases := map[string]struct {
		now, next   float64 // minutes since the run began
		ready, open int
		whole       int
		failed      int
		last        float64 // minutes; 0: there was none
		repeat      bool
		fresh       bool
		want        bool
	}{
		"nobody is ready":                              {now: 5, next: 6, open: 9},
		"nobody is ready, and nobody is open":          {now: 5, next: 6},
		"the first":                                    {now: 5, next: 6, ready: 1, open: 499, want: true},
		"the second has to wait":                       {now: 6, next: 7, ready: 1, open: 498, whole: 1, last: 5},
		"nobody else is open":                          {now: 6, next: 7, ready: 1, whole: 1, last: 5, want: true},
		"half an hour ago":                             {now: 35, next: 36, ready: 1, open: 9, whole: 1, last: 5, want: true},
		"half an hour ago at the next look":            {now: 34.5, next: 35.5, ready: 1, open: 9, whole: 1, last: 5, want: true},
		"half an hour ago just after the next look":    {now: 33, next: 34, ready: 1, open: 9, whole: 1, last: 5},
		"the next look is that of the next tick":       {now: 30, next: 36, ready: 1, open: 9, whole: 1, last: 5, want: true},
		"half an hour ago, nobody is ready":            {now: 36, next: 37, open: 9, whole: 1, last: 5},
		"two in the first half hour":                   {now: 20, next: 21, ready: 1, whole: 2, last: 10},
		"two, and the first half hour is over":         {now: 30, next: 31, ready: 1, whole: 2, last: 10, want: true},
		"ten in four hours":                            {now: 240, next: 241, ready: 1, whole: 9, last: 239, want: true},
		"eleven in four hours":                         {now: 240, next: 241, ready: 1, whole: 10, last: 200},
		"the last one failed":                          {now: 36, next: 37, ready: 1, open: 9, whole: 1, failed: 1, last: 35, repeat: true, want: true},
		"four failed":                                  {now: 6, next: 7, ready: 1, open: 9, failed: 4, last: 5, repeat: true, want: true},
		"five failed":                                  {now: 6, next: 7, ready: 1, open: 9, failed: 5, last: 5, repeat: true},
		"five failed, and the first half hour is over": {now: 30, next: 31, ready: 1, open: 9, failed: 5, last: 5, repeat: true, want: true},
		"five failed, and nobody else is open":         {now: 6, next: 7, ready: 1, failed: 5, last: 5},
		"five failed, the first of an invocation":      {now: 6, next: 7, ready: 1, open: 9, failed: 5, last: 5, repeat: true, fresh: true, want: true},
		"a clock that was set back":                    {now: -60, next: -59, ready: 1, open: 9, whole: 1, last: 5},
		"a clock that was set back, the last":          {now: -60, next: -59, ready: 1, whole: 1, last: 5, want: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := progress{began: began, now: minutes(c.now), next: minutes(c.next), ready: c.ready, open: c.open,
				past: archive.Downloads{Whole: c.whole, Failed: c.failed, Repeat: c.repeat}, fresh: c.fresh}
			if c.last != 0 {
				p.past.Last = minutes(c.last)
			}
			if got := p.due(); got != c.want {
				t.Errorf("%t for %+v", got, p)
			}
		})
	}
}

// Whenever systems finish, and whenever they are looked at, the bound on downloads holds,
// and no system waits for more than half an hour.
func TestDownloadsAreFewAndSoon(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		began := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
		var open, ready []time.Duration // when they finish
		for range rapid.IntRange(1, 200).Draw(t, "systems") {
			open = append(open, time.Duration(rapid.IntRange(0, 5*3600).Draw(t, "second"))*time.Second)
		}
		var past archive.Downloads
		most := time.Duration(rapid.IntRange(20, 90).Draw(t, "between two looks")) * time.Second
		for now := time.Duration(0); len(open)+len(ready) > 0; now += most/3 + time.Duration(rapid.IntRange(0, int(most*2/3)).Draw(t, "wait")) {
			var still []time.Duration
			for _, at := range open {
				if at <= now {
					ready = append(ready, at)
				} else {
					still = append(still, at)
				}
			}
			open = still
			p := progress{began: began, now: began.Add(now), next: began.Add(now + most), ready: len(ready), open: len(open), past: past}
			if p.due() {
				past.Whole, past.Last, ready = past.Whole+1, p.now, nil
			}
			if bound := 2 + int(now/(30*time.Minute)); past.Whole > bound {
				t.Fatalf("%d downloads in %s", past.Whole, now)
			}
			for _, at := range ready {
				if now-at > 30*time.Minute {
					t.Fatalf("finished at %s, not downloaded at %s, after %d", at, now, past.Whole)
				}
			}
		}
	})
}

func TestPass(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return began.Add(time.Duration(minute) * time.Minute) }
	for name, c := range map[string]struct {
		now, last int // minutes since the run began; 0: there was no download
		cheap     bool
		past      archive.Downloads
		want      bool
	}{
		"a while after the start":       {now: 28},
		"half an hour after the start":  {now: 29, want: true},
		"looks are cheap":               {now: 29, cheap: true},
		"a while after a download":      {now: 56, last: 28},
		"half an hour after a download": {now: 57, last: 28, past: archive.Downloads{Whole: 1}, want: true},
		"the last one failed":           {now: 57, last: 28, past: archive.Downloads{Failed: 1, Repeat: true}},
		"there were enough":             {now: 57, last: 28, past: archive.Downloads{Whole: 3}},
		"enough have failed":            {now: 57, last: 28, past: archive.Downloads{Failed: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nextLook := at(c.now)
			if c.cheap {
				nextLook = time.Time{}
			}
			if c.last > 0 {
				c.past.Last = at(c.last)
			}
			p := progress{began: began, now: at(c.now), next: at(c.now + 1), open: 9, past: c.past}
			if got := p.lookIsDownload(nextLook); got != c.want {
				t.Errorf("%t for %+v", got, p)
			}
		})
	}
}

func TestPauseBetweenLooks(t *testing.T) {
	t.Parallel()
	const half = 30 * time.Second
	for name, c := range map[string]struct {
		interval time.Duration
		read     int64
		left     time.Duration
		want     time.Duration
	}{
		"nothing":             {half, 0, 0, half},
		"small":               {half, 100 << 10, 0, half},
		"at the bound":        {half, 512 << 10, 0, half},
		"a megabyte":          {half, 1 << 20, 0, time.Minute},
		"a megabyte, often":   {time.Second, 1 << 20, 0, 2 * time.Second},
		"half of the most":    {half, 15 << 20, 0, 15 * time.Minute},
		"the most":            {half, 29 << 20, 0, 29 * time.Minute},
		"beyond the most":     {half, 1 << 40, 0, 29 * time.Minute},
		"a download is due":   {half, 15 << 20, 10 * time.Minute, 9 * time.Minute},
		"it is due soon":      {half, 15 << 20, 70 * time.Second, half},
		"it is due now":       {half, 15 << 20, time.Minute, 15 * time.Minute},
		"it was due long ago": {half, 15 << 20, -time.Hour, 15 * time.Minute},
		"a long interval":     {2 * time.Hour, 1, time.Minute, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := pause(c.interval, c.read, lookBytes, c.left); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
