// Package fault is the one error type of the project. It promises that every
// error which reaches an operator names what is wrong, where, and the cure,
// and that code decides by the error's class, never by its text.
package fault

import (
	"errors"
	"strings"
)

// Class says what a caller can do about an error.
type Class string

const (
	// Retry: the same call may succeed later, unchanged.
	Retry Class = "retry"
	// Reject: the input itself is bad; the same call fails for ever.
	Reject Class = "reject"
	// Auth: the credential was refused, or lacks a right.
	Auth Class = "auth"
	// Config: a setting, an address, a certificate or a permission is wrong.
	Config Class = "config"
)

// Error is an error with a class and a cure.
type Error struct {
	Class Class
	// What is wrong, as a clause without a full stop: "the token was refused (401)".
	What string
	// Where says where it is wrong: a host, a key, a variable. Never a secret; may be
	// empty.
	Where string
	// Cure is what a person does about it, as an imperative sentence. May be empty.
	Cure string
	// Err is the cause; may be nil.
	Err error
}

// Error returns one sentence: where, what, the cause, the cure.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where + ": ")
	}
	b.WriteString(e.What)
	if e.Err != nil {
		b.WriteString(" (" + e.Err.Error() + ")")
	}
	if e.Cure != "" {
		b.WriteString(": " + e.Cure)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the outermost Error in err's chain. It returns Retry if
// there is none, also for nil: an error without a class may pass.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Retry
}
