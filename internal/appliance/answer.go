package appliance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

const (
	// excerptSize bounds what an error quotes of a refusal's body, in bytes.
	excerptSize = 512
	// maxRefusal bounds what is read of a refusal's body, in bytes.
	maxRefusal = 16 << 10
)

const (
	newToken  = "create an API access token in the appliance (Settings > API Access tokens) and store it in the secret"
	checkURL  = "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login"
	adminOnly = `store the token of an Admin user in the secret, or use the mode "latest", which needs no right to scan`
	waitForIt = "wait: the appliance may be restarting or updating itself; if it lasts, look at its system status"
)

// accept returns nil for an answer that may be read, else a refusal.
func accept(method, path string, a *endpoint.Answer) error {
	switch {
	case method == http.MethodPost && triggered(a.Status):
		return nil
	case a.Status == http.StatusOK && a.Page():
		return a.Refused(*runecast.NotJSON("an HTML page"))
	case a.Status == http.StatusOK:
		return nil
	}
	f := faultOf(method, path, a)
	f.Err = excerpt(a)
	return a.Refused(f)
}

// faultOf returns the fault for an answer with an unexpected status.
func faultOf(method, path string, a *endpoint.Answer) fault.Error {
	request := method + " " + path
	post := method == http.MethodPost
	switch code := a.Status; {
	case code == http.StatusUnauthorized:
		return fault.Error{What: "the token was refused (401)", Cure: newToken}
	case code == http.StatusForbidden && post:
		return fault.Error{What: "the token's user may not start an analysis (403)", Cure: adminOnly}
	case code == http.StatusForbidden:
		return fault.Error{What: "the token's user may not read this (403, " + request + ")", Cure: newToken}
	case code >= 300 && code < 400:
		return fault.Error{What: fmt.Sprintf("%s was redirected to %s (%d)", request, a.Target(), code),
			Cure: checkURL + "; a redirect to a login page also means that the token is not valid"}
	case (code == http.StatusNotFound || code == http.StatusMethodNotAllowed) && post:
		return fault.Error{What: fmt.Sprintf("the appliance does not know %s (%d)", request, code),
			Cure: "check that the system is still connected, and RUNECAST_SCAN_PATH"}
	case code == http.StatusNotFound:
		return fault.Error{What: "the appliance does not know " + request + " (404)",
			Cure: "check RUNECAST_URL, RUNECAST_API, and that the appliance's version still has this API"}
	case code == http.StatusTooManyRequests:
		return fault.Error{What: "the appliance asks for fewer requests (429)", Cure: "raise POLL_INTERVAL if it lasts"}
	case code >= 500:
		return fault.Error{What: fmt.Sprintf("%s failed on the appliance (%d)", request, code), Cure: waitForIt}
	default:
		return fault.Error{Class: fault.Reject, What: fmt.Sprintf("%s was refused (%d)", request, code), Cure: checkURL}
	}
}

// triggered reports whether a status says that an analysis is under way. 409 does, too:
// one was running already.
func triggered(code int) bool {
	switch code {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent, http.StatusConflict:
		return true
	}
	return false
}

// at adds the appliance's host to a fault that names no place yet.
func (c *Client) at(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Where != "" {
		return err
	}
	placed := *f
	placed.Where = c.service.Host()
	return &placed
}

// excerpt returns what a refusal says for people, as an error: the member message of a
// JSON object, or the beginning of a plain text. Nil: it says nothing.
func excerpt(a *endpoint.Answer) error {
	if a.Status < 400 {
		return nil
	}
	kind := a.MediaType()
	raw, _ := io.ReadAll(io.LimitReader(a, maxRefusal)) // what cannot be read is not quoted
	said := ""
	switch {
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		var body struct {
			Message any `json:"message"`
		}
		if json.Unmarshal(raw, &body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil {
			said, _ = body.Message.(string)
		}
	case kind == "text/plain":
		said = string(raw)
	}
	if said = a.Quote(said, excerptSize); said == "" {
		return nil
	}
	return errors.New(said)
}

// connectWait returns the least wait before a request that got no answer is tried again:
// 0 if the connection was refused or dropped, as by an appliance that is restarting;
// else never. A POST is tried again only if the connection was refused, since the
// appliance may have carried it out otherwise.
func connectWait(method string, err error) time.Duration {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0
	}
	for _, passing := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if method != http.MethodPost && errors.Is(err, passing) {
			return 0
		}
	}
	return never
}
