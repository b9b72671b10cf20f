package endpoint

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

const (
	// maxDiscard is what is read of an answer that nobody wants, in bytes, so
	// that its connection can be used again.
	maxDiscard = 512
	// maxRetryAfter is the longest wait that a service is believed to ask for.
	maxRetryAfter = 24 * time.Hour
)

// Answer is what became of a request. It reads the body of the service's
// answer, and has to be closed.
type Answer struct {
	// Status is the HTTP status; 0: there was no answer.
	Status int
	Header http.Header
	// Requests that were made: 2 if the first token was refused.
	Requests int
	// Late reports whether it was too late to begin the last one; it was not made.
	Late bool
	// Sent reports whether the last request began to go out: without an answer
	// it is not known whether the service took it.
	Sent bool
	// RetryAfter is how long the service asked to wait; 0: it did not.
	RetryAfter time.Duration
	// Err is why there was no answer.
	Err error

	host    string
	cred    secret.Credential
	found   string // what is known of the secret after the token was refused
	unread  error  // why the secret was not read then
	body    io.ReadCloser
	sending *body
	end     context.CancelFunc
}

// Read reads the answer's body.
func (a *Answer) Read(p []byte) (int, error) {
	if a.body == nil {
		return 0, io.EOF
	}
	return a.body.Read(p)
}

// Close ends the request. When it has returned, nobody reads the request's body
// any more.
func (a *Answer) Close() error {
	if a.body != nil {
		_ = a.body.Close() // whatever is left of it, nobody wants it
	}
	if a.end != nil {
		a.end()
	}
	if a.sending != nil {
		a.sending.wait()
	}
	return nil
}

// Discard closes an answer of which nothing is wanted any more.
func (a *Answer) Discard() {
	_, _ = io.CopyN(io.Discard, a, maxDiscard) // what cannot be read costs only the connection
	_ = a.Close()
}

// MediaType is the type of the body, in lower case, without parameters; empty
// if none is named.
func (a *Answer) MediaType() string {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind
}

// Page reports whether the body is a page for people, which login portals send
// with 200.
func (a *Answer) Page() bool {
	kind := a.MediaType()
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// Target names where a redirect leads, without its query: it may hold a session.
func (a *Answer) Target() string {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || u.Host+u.Path == "" {
		return "nowhere"
	}
	return u.Host + u.Path
}

// Between says of an answer of an API that something else may have given it: of a
// redirect where it leads, of a refusal with a page for people that there is one.
func (a *Answer) Between(f *fault.Error) {
	switch {
	case a.Status >= 300 && a.Status < 400:
		f.What += ", to " + a.Target()
	case a.Status >= 400 && a.Status < 500 && a.Page():
		f.What += ", with a page for people, as an API sends none"
		f.Cure += "; first look at what proxy, firewall or portal stands between"
	}
}

// Token is the token that the last request carried.
func (a *Answer) Token() secret.Value { return a.cred.Token }

// SecretID is the ARN or name of the secret that the token is from.
func (a *Answer) SecretID() string { return a.cred.SecretID }

// Host is the service's host.
func (a *Answer) Host() string { return a.host }

// Why explains for a person why there was no answer.
func (a *Answer) Why() error { return Explain(a.Err, a.host) }

// Quote makes what a service says fit to be shown in an error: without the
// token, without control characters, and of a number of bytes at most.
func (a *Answer) Quote(text string, most int) string {
	text = a.cred.Token.Redact(text)
	more := ""
	if len(text) > most {
		text, more = text[:most], "…"
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return strings.TrimSpace(text) + more
}

// Class is what a caller can do about an answer other than the one asked for,
// by its status.
func (a *Answer) Class() fault.Class {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Auth
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return fault.Reject
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return fault.Retry
	}
	if a.Status >= 500 {
		return fault.Retry
	}
	return fault.Config
}

// RefusedError is an answer other than the one asked for.
type RefusedError struct {
	// Status is the HTTP status; 200 for a page for people.
	Status int
	Fault  *fault.Error
}

func (r *RefusedError) Error() string { return r.Fault.Error() }

// Unwrap returns the fault.
func (r *RefusedError) Unwrap() error { return r.Fault }

// Refused makes a *RefusedError of an answer, with the fault that the caller found
// in it. A class that is not given is the status's; the host is named, and of a
// refused token (401) what is known of its secret: no other token, or nothing,
// since it was not read for the reason that stands as the cause then.
func (a *Answer) Refused(f fault.Error) error {
	if f.Class == "" {
		f.Class = a.Class()
	}
	f.Where = a.host
	f.What += a.found
	if a.unread != nil {
		f.Err = a.unread
	}
	return &RefusedError{a.Status, &f}
}

// StatusOf returns the HTTP status of a refusal, and 0 for any other error.
func StatusOf(err error) int {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return r.Status
	}
	return 0
}

// retryAfter reads the header: seconds, or a date. Unreadable or past: 0.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && s > 0 {
		return time.Duration(min(s, int(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), maxRetryAfter)
	}
	return 0
}
