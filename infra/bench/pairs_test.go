package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":           {[]float64{3}, 3},
		"odd, unsorted": {[]float64{9, 1, 5}, 5},
		"even":          {[]float64{1, 9, 3, 5}, 4},
		"an outlier":    {[]float64{1, 1, 1, 1, 1000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(c.values)
			if got := median(c.values); got != c.want || !slices.Equal(c.values, before) {
				t.Errorf("%v of %v, now %v", got, before, c.values)
			}
		})
	}
}

// The ratio is the median of the pairs' ratios, not the ratio of the medians: a slow
// moment of the machine slows down both values of a pair.
func TestTableHasTheRatiosOfPairs(t *testing.T) {
	t.Parallel()
	p := new(pairs)
	for turn, line := range []string{
		"BenchmarkDeliver/400_checks-2  1  1000 ns/op  100 events/s  80.5 peak-MiB",
		"BenchmarkDeliver/400_checks-2  1  1000 ns/op  200 events/s  40.25 peak-MiB",
		"BenchmarkDeliver/400_checks-2  1  1000 ns/op  10 events/s  80 peak-MiB", // a slow moment
		"BenchmarkDeliver/400_checks-2  1  1000 ns/op  30 events/s  40 peak-MiB",
		"BenchmarkDeliver/400_checks    1  1000 ns/op  100 events/s  0 peak-MiB", // one processor
		"BenchmarkDeliver/400_checks    1  1000 ns/op  150 events/s  40 peak-MiB",
	} {
		if err := p.read(turn%2, strings.Lines("goos: linux\n"+line+"\n--- BENCH: BenchmarkDeliver\nPASS\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.check(3); err != nil {
		t.Fatal(err)
	}
	if err := p.check(4); err == nil {
		t.Error("a missing value is not noticed")
	}
	var table strings.Builder
	if err := p.write(&table, "feb982f"); err != nil {
		t.Fatal(err)
	}
	want := `| benchmark | metric | feb982f | now | ratio | spread |
|---|---|---:|---:|---:|---|
| Deliver/400_checks | events/s | 100 | 150 | 2.000 | 1.500 to 3.000 |
| Deliver/400_checks | peak-MiB | 80 | 40 |  |  |
`
	if table.String() != want {
		t.Errorf("got\n%s\nwant\n%s", table.String(), want)
	}
}

func TestWhatIsNoResult(t *testing.T) {
	t.Parallel()
	p := new(pairs)
	if err := p.read(base, strings.Lines("BenchmarkArchive-2  1  12 ns/op  abc MB/s\n")); err == nil || !strings.Contains(err.Error(), "abc MB/s") {
		t.Errorf("error %v", err)
	}
	if err := p.read(base, strings.Lines("BenchmarkArchive\nBenchmarkArchive-2  testing.go:1: said\nok\n")); err != nil {
		t.Error(err)
	}
	if err := p.check(0); err == nil {
		t.Error("that nothing has run is not noticed")
	}
}
