package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The two sides of a comparison.
const (
	base = iota
	now
)

// metric is a figure of a benchmark, which its unit names.
type metric struct{ benchmark, unit string }

// pairs has the values of all metrics of both sides. Two values of a metric with
// the same index were measured one after the other.
type pairs struct {
	metrics []metric // in the order in which they were first read
	values  map[metric]*[2][]float64
}

// result is a line that a benchmark prints: its name with the number of
// processors, how often it ran, then values and units.
var result = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+\d+((?:\s+\S+ \S+)+)\s*$`)

// read adds the values of the lines that a benchmark has printed. It leaves out
// ns/op, the time of a whole iteration, which includes that of the floor.
func (p *pairs) read(side int, lines iter.Seq[string]) error {
	for line := range lines {
		m := result.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		for i := 0; i < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("read %q: %w", strings.TrimSpace(line), err)
			}
			if fields[i+1] != "ns/op" {
				p.add(metric{strings.TrimPrefix(m[1], "Benchmark"), fields[i+1]}, side, value)
			}
		}
	}
	return nil
}

func (p *pairs) add(m metric, side int, value float64) {
	if p.values[m] == nil {
		if p.values == nil {
			p.values = map[metric]*[2][]float64{}
		}
		p.metrics = append(p.metrics, m)
		p.values[m] = new([2][]float64)
	}
	p.values[m][side] = append(p.values[m][side], value)
}

// check returns an error unless each metric has one value of each side for each of the
// turns so far, and there is a metric.
func (p *pairs) check(turns int) error {
	for _, m := range p.metrics {
		if v := p.values[m]; len(v[base]) != turns || len(v[now]) != turns {
			return fmt.Errorf("%s has %d and %d values of %s, not %d", m.benchmark, len(v[base]), len(v[now]), m.unit, turns)
		}
	}
	if len(p.metrics) == 0 {
		return errors.New("no benchmark has run: check the pattern of -bench")
	}
	return nil
}

// write prints a table of all metrics in Markdown, by benchmark.
func (p *pairs) write(w io.Writer, commit string) error {
	_, err := fmt.Fprintf(w, "| benchmark | metric | %s | now | ratio | spread |\n|---|---|---:|---:|---:|---|\n", commit)
	ordered := slices.Clone(p.metrics)
	slices.SortStableFunc(ordered, func(a, b metric) int { return strings.Compare(a.benchmark, b.benchmark) })
	for _, m := range ordered {
		if err != nil {
			return err
		}
		v, ratio, spread := p.values[m], "", ""
		if r := ratios(v[base], v[now]); len(r) > 0 {
			ratio = fmt.Sprintf("%.3f", median(r))
			spread = fmt.Sprintf("%.3f to %.3f", slices.Min(r), slices.Max(r))
		}
		_, err = fmt.Fprintf(w, "| %s | %s | %.4g | %.4g | %s | %s |\n", m.benchmark, m.unit, median(v[base]), median(v[now]), ratio, spread)
	}
	return err
}

// ratios divides each value of this work tree by its pair's of the commit; nil
// if one of those is 0.
func ratios(base, now []float64) []float64 {
	if slices.Contains(base, 0) {
		return nil
	}
	r := make([]float64, len(now))
	for i := range r {
		r[i] = now[i] / base[i]
	}
	return r
}

// median returns the middle one of the values, or the mean of the middle two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
