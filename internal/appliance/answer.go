package appliance

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
)

const (
	// excerptSize bounds what an error quotes of a refusal's body.
	excerptSize = 512
	// maxRefusal bounds what is read of it.
	maxRefusal = 16 << 10
)

const (
	newToken  = "create an API access token in the appliance (Settings > API Access tokens) and store it in the secret"
	checkURL  = "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login"
	adminOnly = `store the token of an Admin user in the secret, or use the mode "latest", which needs no right to scan`
	waitForIt = "wait: the appliance may be restarting or updating itself; if it lasts, look at its system status"
)

// refusal is an answer other than what was asked for.
type refusal struct {
	Fault *fault.Error
	// Code is the HTTP status; 200 for a page for people.
	Code int
}

func (r *refusal) Error() string { return r.Fault.Error() }
func (r *refusal) Unwrap() error { return r.Fault }

// statusOf gives the HTTP status of a refusal, and 0 for any other error.
func statusOf(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.Code
	}
	return 0
}

// accept gives nil for an answer that may be read, else a refusal.
func (c *Client) accept(method, path string, resp *http.Response, token secret.Value) error {
	code := resp.StatusCode
	switch {
	case method == http.MethodPost && triggered(code):
		return nil
	case code == http.StatusOK && forPeople(resp):
		return &refusal{c.placed(runecast.NotJSON("an HTML page")), code}
	case code == http.StatusOK:
		return nil
	}
	f := refusalOf(method, path, resp)
	f.Where, f.Err = c.o.URL.Host, excerpt(resp, token.Reveal())
	return &refusal{f, code}
}

func refusalOf(method, path string, resp *http.Response) *fault.Error {
	request := method + " " + path
	post := method == http.MethodPost
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return &fault.Error{Class: fault.Auth, What: "the token was refused (401)", Cure: newToken}
	case code == http.StatusForbidden && post:
		return &fault.Error{Class: fault.Auth, What: "the token's user may not start an analysis (403)", Cure: adminOnly}
	case code == http.StatusForbidden:
		return &fault.Error{Class: fault.Auth, What: "the token's user may not read this (403, " + request + ")", Cure: newToken}
	case code >= 300 && code < 400:
		return &fault.Error{Class: fault.Config, What: fmt.Sprintf("%s was redirected to %s (%d)", request, target(resp), code),
			Cure: checkURL + "; a redirect to a login page also means that the token is not valid"}
	case (code == http.StatusNotFound || code == http.StatusMethodNotAllowed) && post:
		return &fault.Error{Class: fault.Config, What: fmt.Sprintf("the appliance does not know %s (%d)", request, code),
			Cure: "check that the system is still connected, and RUNECAST_SCAN_PATH"}
	case code == http.StatusNotFound:
		return &fault.Error{Class: fault.Config, What: "the appliance does not know " + request + " (404)",
			Cure: "check RUNECAST_URL, RUNECAST_API, and that the appliance's version still has this API"}
	case code == http.StatusTooManyRequests:
		return &fault.Error{Class: fault.Retry, What: "the appliance asks for fewer requests (429)", Cure: "raise POLL_INTERVAL if it lasts"}
	case code >= 500:
		return &fault.Error{Class: fault.Retry, What: fmt.Sprintf("%s failed on the appliance (%d)", request, code), Cure: waitForIt}
	default:
		return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%s was refused (%d)", request, code), Cure: checkURL}
	}
}

// triggered lists what says that a scan is under way: 409 does, too.
func triggered(code int) bool {
	switch code {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent, http.StatusConflict:
		return true
	}
	return false
}

// forPeople finds a page, which login portals send with 200. A missing or odd
// type passes: the reader finds out.
func forPeople(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// at names the appliance in a fault that has no place yet.
func (c *Client) at(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Where != "" {
		return err
	}
	return c.placed(f)
}

func (c *Client) placed(f *fault.Error) *fault.Error {
	placed := *f
	placed.Where = c.o.URL.Host
	return &placed
}

// excerpt quotes what a refusal says for people: the member message of a JSON
// object, or the beginning of a plain text, without control characters and
// without the token. Nil if there is none.
func excerpt(resp *http.Response, token string) error {
	if resp.StatusCode < 400 {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
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
	if token != "" {
		said = strings.ReplaceAll(said, token, "[redacted]")
	}
	said = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(said[:min(len(said), excerptSize)], ""))
	if said = strings.TrimSpace(said); said == "" {
		return nil
	}
	return errors.New(said)
}

// target names where a redirect leads, without its query: it may hold a session.
func target(resp *http.Response) string {
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || u.Host+u.Path == "" {
		return "nowhere"
	}
	return u.Host + u.Path
}

func badPath(path string) error {
	return &fault.Error{Class: fault.Config, Where: path, What: "the request path cannot be used", Cure: "check RUNECAST_URL and RUNECAST_SCAN_PATH"}
}

// connectWait says whether a request that got no answer may be tried again at
// once: a restarting appliance refuses or drops connections for a moment. A
// POST may have been taken, unless the connection was refused.
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
