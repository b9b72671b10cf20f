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
	// maxDiscard is how many bytes are read of an answer that is not needed, so that its
	// connection can be used again.
	maxDiscard = 512
	// maxRetryAfter bounds the wait that a service asks for: a longer one counts as this.
	maxRetryAfter = 24 * time.Hour
)

// Answer is what became of a request. Read reads the body of the service's
// answer. It must be closed.
type Answer struct {
	// Status is the HTTP status; 0: there was no answer.
	Status int
	Header http.Header
	// Requests is the number of requests that were made: 2 if the first token was
	// refused and the secret held another one.
	Requests int
	// Late: it was too late to begin the last request, which was not made.
	Late bool
	// Sent: the last request began to go out. Without an answer it is then not known
	// whether the service accepted it.
	Sent bool
	// RetryAfter is how long the service asked to wait, at most 24 hours; 0: it did not
	// ask.
	RetryAfter time.Duration
	// Err is why there was no answer; nil: there was one.
	Err error

	host    string
	cred    secret.Credential
	found   string // what is known of the secret after the token was refused
	unread  error  // why the secret was not read after that; nil: it was
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
		_ = a.body.Close() // what was not read is not needed
	}
	if a.end != nil {
		a.end()
	}
	if a.sending != nil {
		a.sending.wait()
	}
	return nil
}

// Discard closes an answer whose body is not needed.
func (a *Answer) Discard() {
	_, _ = io.CopyN(io.Discard, a, maxDiscard) // after an error only the connection is not used again
	_ = a.Close()
}

// MediaType returns the media type of the body, in lower case, without parameters; empty
// if the answer names none.
func (a *Answer) MediaType() string {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind
}

// Page reports whether the body is HTML: a page for people, which login portals send
// with 200.
func (a *Answer) Page() bool {
	kind := a.MediaType()
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// Target returns where a redirect leads, without the query, which may hold a session id.
func (a *Answer) Target() string {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || u.Host+u.Path == "" {
		return "nowhere"
	}
	return u.Host + u.Path
}

// AddOrigin adds to the fault of an API's answer what shows that something between may have
// given the answer: where a redirect leads, or that a refusal came with a page for people.
func (a *Answer) AddOrigin(f *fault.Error) {
	switch {
	case a.Status >= 300 && a.Status < 400:
		f.What += ", to " + a.Target()
	case a.Status >= 400 && a.Status < 500 && a.Page():
		f.What += ", with a page for people, as an API sends none"
		f.Cure += "; first look at what proxy, firewall or portal stands between"
	}
}

// Token returns the token that the last request carried.
func (a *Answer) Token() secret.Value { return a.cred.Token }

// SecretID returns the ARN or name of the secret that the token is from.
func (a *Answer) SecretID() string { return a.cred.SecretID }

// Host returns the service's host, with the port if the address names one.
func (a *Answer) Host() string { return a.host }

// Why returns a *fault.Error that tells a person why there was no answer; nil: there was
// one.
func (a *Answer) Why() error { return Explain(a.Err, a.host) }

// Quote makes a service's text fit to be shown in an error: without the token and
// without control characters, and cut to at most most bytes and "…".
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

// Class returns the class of an answer that is not the expected one, by its status.
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

// RefusedError is the error of an answer that is not the expected one.
type RefusedError struct {
	// Status is the HTTP status, also 200: an answer of another kind, as an HTML page.
	Status int
	Fault  *fault.Error
}

// Error returns the fault's sentence.
func (r *RefusedError) Error() string { return r.Fault.Error() }

// Unwrap returns the fault.
func (r *RefusedError) Unwrap() error { return r.Fault }

// Refused returns a *RefusedError with the fault that the caller found in the answer. It
// adds the class of the status if the fault has none, and the host. After a refused token
// (401) it adds what is known of the secret: that it holds no other token, or that it was
// not read again, with the reason as the cause.
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

// retryAfter reads the header Retry-After: seconds or a date, at most maxRetryAfter. It
// returns 0 for a text that it cannot read, and for a date that is past.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && s > 0 {
		return time.Duration(min(s, int(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), maxRetryAfter)
	}
	return 0
}
