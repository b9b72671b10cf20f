package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Step proves one thing.
type Step struct {
	Name string
	// Needs names earlier steps: if one of them has failed, this one is left out.
	Needs []string
	// Prove returns one row or more, the first being the step's own.
	Prove func(context.Context) []Row
}

// Single is a step of one row.
func Single(name string, prove func(context.Context) Row, needs ...string) Step {
	return Step{name, needs, func(ctx context.Context) []Row { return []Row{prove(ctx)} }}
}

// Walk takes the steps one after the other, in a minute at most.
func Walk(ctx context.Context, steps []Step) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var r Report
	without := map[string]bool{} // steps that later ones cannot build on
	for _, s := range steps {
		rows := s.take(ctx, without)
		for i, row := range rows {
			if i == 0 || row.Check == "" {
				rows[i] = row.Of(s.Name)
			}
		}
		without[s.Name] = rows[0].State == Failed || rows[0].State == Skipped
		r.Checks = append(r.Checks, rows...)
	}
	return r
}

func (s Step) take(ctx context.Context, without map[string]bool) []Row {
	if i := slices.IndexFunc(s.Needs, func(name string) bool { return without[name] }); i >= 0 {
		return []Row{Skip(`needs "` + s.Needs[i] + `"`)}
	}
	if ctx.Err() != nil {
		return []Row{Skip(fmt.Sprintf("the %s of a check are over", checkTime))}
	}
	return s.Prove(ctx)
}

// Listed returns the first few of many names.
func Listed(names []string) string {
	const most = 20
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
