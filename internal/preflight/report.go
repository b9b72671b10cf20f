package preflight

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// States of a row.
const (
	OK      = "ok"
	Failed  = "failed"
	Warning = "warning" // a run works, and yet somebody should look at it
	Skipped = "skipped" // not proven, for the reason given
)

// Row is one thing that was checked.
type Row struct {
	Check string `json:"check"`
	// State is ok, failed, warning or skipped.
	State  string `json:"state"`
	Detail string `json:"detail"`
	// Cure is what to do about it; empty if there is nothing to do.
	Cure string `json:"cure,omitempty"`
}

// Report is the answer to check.
type Report struct {
	// OK: no row failed.
	OK     bool  `json:"ok"`
	Checks []Row `json:"checks"`
	// Next says what to do now.
	Next string `json:"next"`
}

// misconfiguration is the report about settings with which nothing can be
// tried: err is what reading them gave, with a row for each fault in it.
func misconfiguration(err error) Report {
	var r Report
	for _, fault := range faults(err) {
		r.Checks = append(r.Checks, FailedBy(fault).Named("configuration"))
	}
	return r.concluded("")
}

// Misconfigured takes the place of a function's handler where its settings
// cannot be used: whatever is asked, the answer names every fault in them, to
// {"action":"check"} as a report and to all else as an error.
func Misconfigured(cause error) func(context.Context, jsontext.Value) (Report, error) {
	return func(_ context.Context, payload jsontext.Value) (Report, error) {
		var asked struct {
			Action string `json:"action"`
		}
		if json.Unmarshal(payload, &asked) == nil && asked.Action == "check" {
			return misconfiguration(cause), nil
		}
		return Report{}, cause
	}
}

func faults(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	if inner := errors.Unwrap(err); inner != nil {
		if _, ok := err.(*fault.Error); !ok { //nolint:errorlint // each layer is opened in turn
			return faults(inner)
		}
	}
	return []error{err}
}

// concluded fills in what follows from the rows; next is what to do if none failed.
func (r Report) concluded(next string) Report {
	r.OK, r.Next = true, next
	warned := false
	for _, row := range r.Checks {
		switch {
		case row.State == Warning:
			warned = true
		case row.State == Failed && r.OK:
			r.OK, r.Next = false, `cure "`+row.Check+`" first, then check again with {"action":"check"}`
		}
	}
	if r.OK && warned {
		r.Next += "; look at the warnings"
	}
	return r
}

// Failures counts the rows that failed.
func (r Report) Failures() int {
	n := 0
	for _, row := range r.Checks {
		if row.State == Failed {
			n++
		}
	}
	return n
}

// write logs the report, a line for each row.
func (r Report) write(ctx context.Context, log *slog.Logger) {
	for _, row := range r.Checks {
		level := slog.LevelInfo
		switch row.State {
		case Failed:
			level = slog.LevelError
		case Warning:
			level = slog.LevelWarn
		}
		log.Log(ctx, level, "check "+row.Check, "state", row.State, "detail", row.Detail, "cure", row.Cure)
	}
}

// Passed makes a row of what was proven.
func Passed(detail string) Row { return Row{State: OK, Detail: detail} }

// Unproven makes a row of what could not be proven, and why; cure may be empty.
func Unproven(why, cure string) Row { return Row{State: Skipped, Detail: why, Cure: cure} }

// Warn makes a row of what works, and yet somebody should look at it.
func Warn(detail, cure string) Row { return Row{State: Warning, Detail: detail, Cure: cure} }

// Fail makes a row of what has to be cured.
func Fail(detail, cure string) Row { return Row{State: Failed, Detail: detail, Cure: cure} }

// FailedBy makes a row of an error: what, and where, apart from the cure.
func FailedBy(err error) Row {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return Fail(err.Error(), "")
	}
	told := *f
	told.Cure = ""
	return Fail(told.Error(), strings.TrimSpace(f.Cure))
}

// Named returns the row under a name of its own.
func (r Row) Named(check string) Row {
	r.Check = check
	return r
}

// Of returns the first row of a name, and reports whether there is one.
func (r Report) Of(check string) (Row, bool) {
	for _, row := range r.Checks {
		if row.Check == check {
			return row, true
		}
	}
	return Row{}, false
}
