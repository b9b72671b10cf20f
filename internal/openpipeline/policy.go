package openpipeline

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

// Outcome says what became of a body.
type Outcome int

const (
	// Accepted: 2xx.
	Accepted Outcome = iota
	// Refused: 400, the content was not accepted.
	Refused
	// TooLarge: 413.
	TooLarge
	// Unusable: the address, the token or the network between is wrong;
	// nothing can be sent until a person mends it.
	Unusable
	// Busy: refused for sure and for now; the same body may be sent later.
	Busy
	// Doubt: it cannot be known whether the body was accepted.
	Doubt

	// unauthorized: 401; the token may have been rotated.
	unauthorized
)

// classify is the policy: what an answer means. How long to wait, and what to
// do next, is decided elsewhere.
func classify(a answer) Outcome {
	switch {
	case a.status == 0 && a.sent:
		return Doubt
	case a.status == 0:
		if _, lookup := errors.AsType[*net.DNSError](a.err); lookup {
			return Unusable // waiting for a name in this invocation would cost more than the next one
		}
		if fault.ClassOf(endpoint.Explain(a.err, "")) == fault.Config {
			return Unusable
		}
		return Busy
	case a.status >= 200 && a.status < 300:
		return Accepted
	}
	switch a.status {
	case http.StatusBadRequest:
		return Refused
	case http.StatusUnauthorized:
		return unauthorized
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Busy
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return Doubt
	}
	switch {
	case a.status < 500:
		return Unusable
	case a.enveloped: // Dynatrace itself refused it
		return Busy
	}
	return Doubt
}

// explain says for a person what an answer other than 2xx means at a host, to
// a token of this secret.
func explain(a answer, host, secretID string) error {
	if a.status == 0 {
		err := endpoint.Explain(a.err, host)
		if a.sent {
			return &fault.Error{Class: fault.Retry, Where: host, What: "the connection broke before an answer came", Err: err}
		}
		return err
	}
	e := &fault.Error{Class: fault.Retry, Where: host, What: fmt.Sprintf("Dynatrace answered %d %s", a.status, http.StatusText(a.status))}
	if a.detail != "" {
		e.What += ", " + a.detail
	}
	switch a.status {
	case http.StatusBadRequest:
		e.Class, e.Cure = fault.Reject, "the events are not what the endpoint accepts"
	case http.StatusUnauthorized:
		e.Class, e.Cure = fault.Auth, "put a valid API token into the secret "+secretID+"; an attempt 30 seconds later reads it"
	case http.StatusForbidden:
		e.Class, e.Cure = fault.Auth, "give the token of the secret "+secretID+" the scope openpipeline.events_security"
	case http.StatusNotFound:
		e.Class, e.Cure = fault.Config, "check OPENPIPELINE_URL, as https://<environment>.live.dynatrace.com"
	case http.StatusRequestEntityTooLarge:
		e.Class, e.Cure = fault.Reject, "lower MAX_BATCH_BYTES"
	default:
		if a.status >= 300 && a.status < 400 {
			e.Class, e.Cure = fault.Config, "redirects are not followed: set OPENPIPELINE_URL to the final address"
		} else if a.status > 400 && a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusRequestTimeout {
			e.Class, e.Cure = fault.Config, "check OPENPIPELINE_URL: is it the security-events ingest?"
		}
	}
	return e
}

// notRotated adds to a refusal of the token (401) what was found in its secret:
// no other token, or nothing, since it was not read for the reason given.
func notRotated(refusal, unread error) error {
	f, ok := errors.AsType[*fault.Error](refusal)
	if !ok {
		return refusal
	}
	said := *f
	if unread == nil {
		said.What += ", and the secret holds no other token"
	} else {
		said.What, said.Err = said.What+", and the secret was not read again", unread
	}
	return &said
}
