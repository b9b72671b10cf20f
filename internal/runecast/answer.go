package runecast

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

	"runecast-ingest/internal/fault"
)

// excerptSize bounds what is read of a refusal's body.
const excerptSize = 512

const (
	newToken  = "create an API access token in the appliance (Settings > API Access tokens) and store it in the secret"
	checkURL  = "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login"
	adminOnly = `store the token of an Admin user in the secret, or use the mode "latest", which needs no right to scan`
	waitForIt = "wait: the appliance may be restarting or updating itself; if it lasts, look at its system status"
)

// accept gives nil for an answer that may be read, else a fault.
func (c *Client) accept(method, path string, resp *http.Response) error {
	f := &fault.Error{Class: fault.Reject, Where: c.o.URL.Host, Err: c.excerpt(resp)}
	request := method + " " + path
	switch code := resp.StatusCode; {
	case method == http.MethodPost && triggered(code):
		return nil
	case code == http.StatusOK:
		return c.acceptType(resp)
	case code == http.StatusUnauthorized:
		f.Class, f.What, f.Cure = fault.Auth, "the token was refused (401)", newToken
	case code == http.StatusForbidden && method == http.MethodPost:
		f.Class, f.What, f.Cure = fault.Auth, "the token's user may not start an analysis (403)", adminOnly
	case code == http.StatusForbidden:
		f.Class, f.What, f.Cure = fault.Auth, "the token's user may not read this (403, "+request+")", newToken
	case code >= 300 && code < 400:
		f.Class, f.What = fault.Config, fmt.Sprintf("%s was redirected to %s (%d)", request, target(resp), code)
		f.Cure = checkURL + "; a redirect to a login page also means that the token is not valid"
	case code == http.StatusNotFound && method == http.MethodPost:
		f.Class, f.What = fault.Config, "the appliance does not know "+request+" (404)"
		f.Cure = "check that the system is still connected, and RUNECAST_SCAN_PATH"
	case code == http.StatusNotFound:
		f.Class, f.What = fault.Config, "the appliance does not know "+request+" (404)"
		f.Cure = "check RUNECAST_URL, and that the appliance's version still has API v1"
	case code == http.StatusTooManyRequests:
		f.Class, f.What, f.Cure = fault.Retry, "the appliance asks for fewer requests (429)", "raise POLL_INTERVAL if it lasts"
	case code >= 500:
		f.Class, f.What, f.Cure = fault.Retry, fmt.Sprintf("%s failed on the appliance (%d)", request, code), waitForIt
	default:
		f.What, f.Cure = fmt.Sprintf("%s was refused (%d)", request, code), checkURL
	}
	return f
}

// triggered lists what says that a scan is under way: 409 does, too.
func triggered(code int) bool {
	switch code {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent, http.StatusConflict:
		return true
	}
	return false
}

// acceptType refuses a page for people, which login portals send with 200. A
// missing or odd type passes: the reader finds out.
func (c *Client) acceptType(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/html" || kind == "application/xhtml+xml" {
		return c.at(notJSON("an HTML page"))
	}
	return nil
}

func notJSON(what string) *fault.Error {
	return &fault.Error{Class: fault.Config, What: "the answer is " + what + " instead of JSON",
		Cure: checkURL + "; a login page also means that the token is not valid"}
}

// at names the appliance in a fault that has no place yet.
func (c *Client) at(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Where != "" {
		return err
	}
	placed := *f
	placed.Where = c.o.URL.Host
	return &placed
}

// excerpt quotes the beginning of a refusal's body, if it is text for machines,
// without control characters and without the token.
func (c *Client) excerpt(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" && kind != "text/plain" && !strings.HasSuffix(kind, "+json") {
		return nil
	}
	if resp.StatusCode < 400 {
		return nil
	}
	token := c.o.Token.Reveal()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, int64(excerptSize+len(token)))) // so that no token is cut in two
	text := string(raw)
	if token != "" {
		text = strings.ReplaceAll(text, token, "[redacted]")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), excerptSize)], ""))
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return errors.New(text)
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
// once: a restarting appliance refuses or drops connections for a moment.
func connectWait(err error) time.Duration {
	for _, passing := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, passing) {
			return 0
		}
	}
	return never
}
