package lambda

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Result is the outcome of an invocation.
type Result struct {
	// Payload is the function's answer, or Lambda's error document
	// {"errorType","errorMessage"} if FunctionError is set.
	Payload []byte
	// FunctionError is "Unhandled" when the function failed, crashed or ran out
	// of time (the header X-Amz-Function-Error), else empty.
	FunctionError string
	// Duration is the time from the hand-over to the answer. Init is the time from
	// the process's start to its first poll, 0 for a warm instance.
	Duration, Init time.Duration
	// MaxMemory is the instance's peak resident memory so far, in bytes.
	MaxMemory int64
	// ColdStart reports whether a process was started for this invocation.
	ColdStart bool
}

// Error is a function's failure as its caller sees it.
type Error struct {
	// Type is a Go type name for a handler's error, else one of Lambda's own:
	// Sandbox.Timedout, Runtime.ExitError, Function.ResponseSizeTooLarge.
	Type string `json:"errorType"`
	// Message is the error's text.
	Message string `json:"errorMessage"`
}

// Error returns the message; the type if there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Message
}

// Err returns the failure as an *Error, nil if there was none.
func (r Result) Err() error {
	if r.FunctionError == "" {
		return nil
	}
	e := new(Error)
	if err := json.Unmarshal(r.Payload, e); err != nil {
		return &Error{Type: r.FunctionError, Message: string(r.Payload)}
	}
	return e
}

// report tells how an invocation, or the start of a process, ended.
type report struct {
	payload []byte
	failed  bool
	over    bool // the process has ended or is about to
}

// failure returns a report of a failed invocation in Lambda's own words.
func failure(inv *invocation, kind, message string) report {
	return report{payload: errorPayload(kind, "RequestId: "+inv.id+" Error: "+message), failed: true, over: true}
}

func timeoutReport(inv *invocation, limit time.Duration) report {
	return failure(inv, "Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds()))
}

func errorPayload(kind, message string) []byte {
	payload, err := json.Marshal(Error{Type: kind, Message: message})
	if err != nil { // only for text that is not UTF-8
		return []byte(`{"errorType":"` + kind + `"}`)
	}
	return payload
}
