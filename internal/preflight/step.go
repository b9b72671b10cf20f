package preflight

import (
	"context"
	"fmt"
	"slices"
)

// step proves one thing. It is left out if one that it needs has failed.
type step struct {
	name  string
	needs []string
	prove func(context.Context) []Row // their first row is the step's own
}

// one is a step of a single row.
func one(prove func(context.Context) Row) func(context.Context) []Row {
	return func(ctx context.Context) []Row { return []Row{prove(ctx)} }
}

// walk takes the steps one after the other, in a minute at most.
func walk(ctx context.Context, steps []step) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var r Report
	without := map[string]bool{} // steps that later ones cannot build on
	for _, s := range steps {
		rows := s.take(ctx, without)
		for i, row := range rows {
			if i == 0 || row.Check == "" {
				rows[i] = row.of(s.name)
			}
		}
		without[s.name] = rows[0].State == Failed || rows[0].State == Skipped
		r.Checks = append(r.Checks, rows...)
	}
	return r
}

func (s step) take(ctx context.Context, without map[string]bool) []Row {
	if i := slices.IndexFunc(s.needs, func(name string) bool { return without[name] }); i >= 0 {
		return []Row{skipped(`needs "` + s.needs[i] + `"`)}
	}
	if ctx.Err() != nil {
		return []Row{skipped(fmt.Sprintf("the %s of a check are over", checkTime))}
	}
	return s.prove(ctx)
}
