package preflight

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// Step is one step of a check. It is left out if a step that it needs has failed or was
// left out.
type Step struct {
	Name string
	// Needs are the names of earlier steps.
	Needs []string
	// Prove takes the step and returns at least one row. The first row gets the name of
	// the step, and decides whether the step has failed.
	Prove func(context.Context) []Row
}

// Single returns a step of one row.
func Single(name string, prove func(context.Context) Row, needs ...string) Step {
	return Step{name, needs, func(ctx context.Context) []Row { return []Row{prove(ctx)} }}
}

// Walk takes the steps one after the other, in a minute at most, logs the report and
// returns it. next is what to do if no step fails.
func Walk(ctx context.Context, log *slog.Logger, steps []Step, next string) Report {
	r := walk(ctx, steps).concluded(next)
	r.write(ctx, log)
	return r
}

func walk(ctx context.Context, steps []Step) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var r Report
	without := map[string]bool{} // the steps that have failed or were left out
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

// Take takes the step, and reports whether it did. It does not if the step needs one of
// the steps in without, or if the time of the check is over; the row then says which.
func (s Step) Take(ctx context.Context, without map[string]bool) (rows []Row, taken bool) {
	if i := slices.IndexFunc(s.Needs, func(name string) bool { return without[name] }); i >= 0 {
		return []Row{Unproven(`needs "`+s.Needs[i]+`"`, "")}, false
	}
	if ctx.Err() != nil {
		return []Row{Unproven(fmt.Sprintf("the %s of a check are over", checkTime), "")}, false
	}
	return s.Prove(ctx), true
}
