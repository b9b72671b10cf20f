package preflight

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// Step proves one thing. It is left out if one that it needs has failed or was
// left out.
type Step struct {
	Name  string
	Needs []string
	// Prove returns rows, of which the first is the step's own.
	Prove func(context.Context) []Row
}

// Single is a step of a single row.
func Single(name string, prove func(context.Context) Row, needs ...string) Step {
	return Step{name, needs, func(ctx context.Context) []Row { return []Row{prove(ctx)} }}
}

// Walk takes the steps one after the other, in a minute at most, and logs the
// report. next is what to do if none fails.
func Walk(ctx context.Context, log *slog.Logger, steps []Step, next string) Report {
	r := walk(ctx, steps).concluded(next)
	r.write(ctx, log)
	return r
}

func walk(ctx context.Context, steps []Step) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var r Report
	without := map[string]bool{} // steps that later ones cannot build on
	for _, s := range steps {
		rows, taken := s.Take(ctx, without)
		for i, row := range rows {
			if i == 0 || row.Check == "" {
				rows[i] = row.Named(s.Name)
			}
		}
		without[s.Name] = rows[0].State == Failed || !taken
		r.Checks = append(r.Checks, rows...)
	}
	return r
}

// Take takes the step, and reports whether it did: not if it needs one of those
// that are missing, or the time of the check is over.
func (s Step) Take(ctx context.Context, without map[string]bool) (rows []Row, taken bool) {
	if i := slices.IndexFunc(s.Needs, func(name string) bool { return without[name] }); i >= 0 {
		return []Row{Unproven(`needs "`+s.Needs[i]+`"`, "")}, false
	}
	if ctx.Err() != nil {
		return []Row{Unproven(fmt.Sprintf("the %s of a check are over", checkTime), "")}, false
	}
	return s.Prove(ctx), true
}
