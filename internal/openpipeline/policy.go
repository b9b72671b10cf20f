package openpipeline

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"runecast-ingest/internal/fault"
)

// Outcome says what became of a body, as classify decides by the last answer.
type Outcome int

const (
	// Accepted: 202, 204, or another 2xx without a body.
	Accepted Outcome = iota
	// Refused: 400, the content was not accepted.
	Refused
	// TooLarge: 413, the body is too large.
	TooLarge
	// Unusable: the address, the token or the network between is wrong;
	// nothing can be sent until a person mends it.
	Unusable
	// Busy: the body was not accepted for sure; the same body may be sent later.
	Busy
	// Doubt: it cannot be known whether the body was accepted.
	Doubt
)

// classify decides what an answer means. Send decides how long to wait, and package
// deliver what to do next.
func classify(a answer) Outcome {
	switch {
	case a.Status == 0 && a.Sent:
		return Doubt
	case a.Status == 0:
		if _, lookup := errors.AsType[*net.DNSError](a.Err); lookup {
			return Unusable // do not wait for DNS in this invocation: the next one tries again
		}
		if fault.ClassOf(a.Why()) == fault.Config {
			return Unusable
		}
		return Busy
	case a.Status == http.StatusAccepted, a.Status == http.StatusNoContent:
		return Accepted
	case a.Status >= 200 && a.Status < 300:
		return taken(a)
	}
	switch a.Status {
	case http.StatusBadRequest:
		return Refused
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Busy
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return Doubt
	}
	switch {
	case a.Status < 500:
		return Unusable
	case a.enveloped: // Dynatrace itself refused it
		return Busy
	}
	return Doubt
}

// taken decides about a 2xx that is not documented. An answer without a body counts as
// Dynatrace's. An answer with a body is from something else, such as a login portal, and
// nothing was accepted.
func taken(a answer) Outcome {
	switch {
	case a.empty && a.broken:
		return Doubt
	case a.empty:
		return Accepted
	}
	return Unusable
}

// explain returns an error that tells a person what an answer means that is not Accepted.
func (c *Client) explain(a answer) error {
	if a.Status == 0 {
		err := a.Why()
		if !a.Sent {
			return err
		}
		return &fault.Error{Class: fault.Retry, Where: a.Host(), What: "the connection broke before an answer came", Err: err}
	}
	switch {
	case a.Status < 300 && a.empty: // else it would be Accepted
		return &fault.Error{Class: fault.Retry, Where: a.Host(), What: fmt.Sprintf("answered %d, and the connection broke before the end of the answer", a.Status)}
	case a.Status < 300:
		return foreign(a)
	}
	f := fault.Error{What: fmt.Sprintf("Dynatrace answered %d %s", a.Status, http.StatusText(a.Status)), Cure: c.cure(a)}
	if a.Class() == fault.Auth {
		f.What += " to the " + string(KindOf(a.Token()))
	}
	if a.detail != "" {
		f.What += ", " + a.detail
	}
	a.AddOrigin(&f)
	return a.Refused(f)
}

// foreign returns the fault of a 2xx with a body: something else than Dynatrace's ingest
// has answered.
func foreign(a answer) error {
	what := "a body"
	if a.Page() {
		what = "a page for people"
	}
	return &fault.Error{Class: fault.Config, Where: a.Host(), What: fmt.Sprintf("answered %d with %s, which is not Dynatrace's ingest: that answers 202 without a body", a.Status, what),
		Cure: "check OPENPIPELINE_URL, and what proxy or portal stands between; nothing was taken"}
}

// cure returns what a person does about an answer; empty if the error passes by itself.
func (c *Client) cure(a answer) string {
	kind := KindOf(a.Token())
	switch a.Status {
	case http.StatusBadRequest:
		return "the events are not what the endpoint accepts"
	case http.StatusUnauthorized:
		return "put " + c.Wanted() + " into the secret " + a.SecretID() + "; an attempt 30 seconds later reads it"
	case http.StatusForbidden:
		switch kind {
		case PlatformToken:
			return "give the token of the secret " + a.SecretID() + ", and its user, the permission " + c.Scope(kind)
		case OtherToken:
			return "put " + c.Wanted() + " into the secret " + a.SecretID()
		}
		return "give the token of the secret " + a.SecretID() + " the scope " + c.Scope(kind)
	case http.StatusNotFound:
		return "check OPENPIPELINE_URL, as https://<environment>.live.dynatrace.com"
	case http.StatusRequestEntityTooLarge:
		return "lower MAX_BATCH_BYTES"
	}
	switch {
	case a.Status >= 300 && a.Status < 400:
		return "redirects are not followed: set OPENPIPELINE_URL to the final address, which is the API's own, as https://<environment>.live.dynatrace.com; a login page there means that the address is the web application's, or that a portal stands between"
	case a.Class() == fault.Config:
		return "check OPENPIPELINE_URL: is it the security-events ingest?"
	}
	return ""
}
