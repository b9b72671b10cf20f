package grail

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

// Rights names the permissions that both a query token and its user need (Dynatrace
// docs, Permissions in Grail).
const Rights = "storage:security.events:read and storage:buckets:read"

// maxDetail bounds the part of an answer's message that an error quotes, in bytes.
const maxDetail = 300

// notAuthorized begins the type of an error about a table or a bucket that the
// token may not read. It comes with 403, and was seen with 400.
const notAuthorized = "NOT_AUTHORIZED"

// envelope is the service's error (model ErrorEnvelope of the client).
type envelope struct {
	Error struct {
		Message string `json:"message"`
		Details struct {
			ErrorType     string   `json:"errorType"`
			ExceptionType string   `json:"exceptionType"`
			ErrorMessage  string   `json:"errorMessage"`
			Permissions   []string `json:"missingPermissions"`
			Scopes        []string `json:"missingScopes"`
		} `json:"details"`
	} `json:"error"`
}

// refused returns the fault that says what an answer other than 200 and 202 means, with
// the cure.
func refused(a *endpoint.Answer, text []byte) error {
	var e envelope
	_ = json.Unmarshal(text, &e, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // a body of another form leaves e empty
	d := &e.Error.Details
	f := fault.Error{What: fmt.Sprintf("the query service answered %d %s", a.Status, http.StatusText(a.Status))}
	detail := e.Error.Message
	if d.ErrorMessage != "" {
		detail = d.ErrorMessage
	}
	if missing := slices.Concat(d.Permissions, d.Scopes); len(missing) > 0 {
		detail += ", missing " + strings.Join(missing, ", ")
	}
	if detail = a.Quote(detail, maxDetail); detail != "" {
		f.What += ", " + detail
	}
	lacks := strings.HasPrefix(d.ErrorType, notAuthorized) || strings.HasPrefix(d.ExceptionType, notAuthorized) || strings.HasPrefix(detail, notAuthorized)
	switch code := a.Status; {
	case code == http.StatusUnauthorized:
		f.Cure = `store a platform token (dt0s16.…) that may query as "query_token" in the secret ` + a.SecretID()
	case code == http.StatusForbidden, lacks:
		f.Class = fault.Auth
		f.Cure = "give the query token of the secret " + a.SecretID() + ", and its user, the permissions " + Rights
	case code == http.StatusNotFound, code >= 300 && code < 400:
		f.Class, f.Cure = fault.Config, "set GRAIL_URL to https://<environment>.apps.dynatrace.com"
	case code == http.StatusGone:
		f.Class, f.Cure = fault.Retry, "none is needed: it is asked again"
	case a.Class() == fault.Reject:
		f.Class, f.Cure = fault.Config, "report this with the function's log: the query is the product's own"
	}
	a.AddOrigin(&f)
	return a.Refused(f)
}
