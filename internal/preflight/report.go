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
	// OK: it was proven to work.
	OK = "ok"
	// Failed: it does not work, and has to be cured.
	Failed = "failed"
	// Warning: runs work, but somebody should look at it.
	Warning = "warning"
	// Skipped: it was not proven, for the reason in the detail.
	Skipped = "skipped"
)

// Row is the result of one check.
type Row struct {
	// Check is the name of the step, as tls.
	Check string `json:"check"`
	// State is ok, failed, warning or skipped.
	State string `json:"state"`
	// Detail is what was found, for a person.
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

// misconfiguration returns the report about settings that cannot be used: one row for
// each fault in err, the error of reading them.
func misconfiguration(err error) Report {
	var r Report
	for _, fault := range faults(err) {
		r.Checks = append(r.Checks, FailedBy(fault).Named("configuration"))
	}
	return r.concluded("")
}

// Misconfigured returns the handler of a function whose settings cannot be used; cause
// is the error of reading them. It answers {"action":"check"} with a report that names
// every fault, and any other payload with cause.
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

// faults returns the single errors that an error joins.
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

// concluded returns the report with OK and Next set by its rows; next is what to do if
// no row failed.
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

// Failures returns how many rows failed.
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

// Passed returns a row in the state ok.
func Passed(detail string) Row { return Row{State: OK, Detail: detail} }

// Unproven returns a row in the state skipped: why says why it could not be proven; cure
// may be empty.
func Unproven(why, cure string) Row { return Row{State: Skipped, Detail: why, Cure: cure} }

// Warn returns a row in the state warning.
func Warn(detail, cure string) Row { return Row{State: Warning, Detail: detail, Cure: cure} }

// Fail returns a row in the state failed.
func Fail(detail, cure string) Row { return Row{State: Failed, Detail: detail, Cure: cure} }

// FailedBy returns a row in the state failed about an error. The cure of a fault becomes
// that of the row, the rest of the error's text the detail.
func FailedBy(err error) Row {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return Fail(err.Error(), "")
	}
	told := *f
	told.Cure = ""
	return Fail(told.Error(), strings.TrimSpace(f.Cure))
}

// Named returns the row with another name.
func (r Row) Named(check string) Row {
	r.Check = check
	return r
}

// Of returns the first row with a name, and reports whether there is one.
func (r Report) Of(check string) (Row, bool) {
	for _, row := range r.Checks {
		if row.Check == check {
			return row, true
		}
	}
	return Row{}, false
}
