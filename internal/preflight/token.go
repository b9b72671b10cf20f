package preflight

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/telemetry"
)

const (
	// pathLookup tells about a token, to whoever holds it: any scope will do
	// (Dynatrace docs, Access tokens API, "POST token lookup").
	pathLookup = "/api/v2/apiTokens/lookup"

	scopeBuiltIn = "openpipeline.events_security"
	scopeCustom  = "openpipeline.events_security.custom"

	proveIt = `prove it with {"action":"check","sendTestEvent":true}`
)

// apiTokenState is what the look-up tells; members that are missing are not known.
type apiTokenState struct {
	Enabled *bool    `json:"enabled"`
	Expires loose    `json:"expirationDate"` // missing: the token never expires
	Scopes  []string `json:"scopes"`
}

// token proves the token, and where it is refused, the one that the secret
// holds now.
func (c *forwarderCheck) token(ctx context.Context) Row {
	row, refused := c.present(ctx)
	if !refused {
		return row
	}
	said, found := c.another(ctx)
	if found {
		row, _ = c.present(ctx)
	}
	row.Detail += said
	return row
}

// present has the environment look the token up, and reports whether it was refused.
func (c *forwarderCheck) present(ctx context.Context) (row Row, refused bool) {
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := c.lookup(limited)
	if err != nil {
		return failed(err), false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || mediaType(resp) == "text/html" {
		return c.notLookedUp(resp), resp.StatusCode == http.StatusUnauthorized
	}
	return c.lookedUp(limited, resp.Body), false
}

// lookedUp reads what the look-up answered, and judges it.
func (c *forwarderCheck) lookedUp(limited context.Context, body io.Reader) Row {
	var state apiTokenState
	err := json.UnmarshalRead(io.LimitReader(body, maxSmall), &state, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch {
	case limited.Err() != nil:
		return failed(endpoint.Explain(late(limited, limited.Err(), c.URL.Host), c.URL.Host))
	case err != nil:
		return warning("accepted, but the look-up's answer has another shape than known: scope and expiry are not checked", proveIt)
	}
	c.scopes = state.Scopes
	return c.judge(state)
}

// lookup asks for the token; what it gives has to be closed.
func (c *forwarderCheck) lookup(ctx context.Context) (*http.Response, error) {
	client, err := endpoint.Client(c.cred, c.limits())
	if err != nil {
		return nil, err
	}
	base := *c.URL
	base.Path, _, _ = strings.Cut(base.Path, ingestRoot)
	base.RawPath = ""
	body, err := json.Marshal(map[string]string{"token": c.cred.Token.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("look the token up: %w", err)
	}
	c.api = &caller{http: client, base: base.String(), host: c.URL.Host, version: c.Version,
		header: secret.NewValue("Api-Token " + c.cred.Token.Reveal())}
	return c.api.do(ctx, http.MethodPost, pathLookup, body)
}

// notLookedUp says what an answer means that does not tell about the token.
func (c *forwarderCheck) notLookedUp(resp *http.Response) Row {
	f := &fault.Error{Class: fault.Config, Where: c.URL.Host, Cure: correctAddress}
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		f.What = "POST " + pathLookup + " is answered by an HTML page instead of JSON"
	case code == http.StatusUnauthorized:
		f.Class, f.What = fault.Auth, "the token is disabled, expired, or of another environment: it was refused (401)"
		f.Cure = "create an access token in Dynatrace with the scope " + c.needed() + " and store it in the secret"
	case code == http.StatusForbidden:
		return warning("the token may not look itself up (403): scope and expiry are not checked", proveIt)
	case code == http.StatusNotFound:
		f.What = "POST " + pathLookup + " is not known there (404): it is no Dynatrace environment, or does not have this token"
	case code >= 300 && code < 400:
		f.What = fmt.Sprintf("POST %s was redirected (%d)", pathLookup, code)
	case code == http.StatusTooManyRequests, code >= 500:
		f.Class, f.What = fault.Retry, fmt.Sprintf("POST %s failed there (%d)", pathLookup, code)
		f.Cure = "check again in a few minutes; if it lasts, look at the status of your Dynatrace environment"
	default:
		f.What = fmt.Sprintf("POST %s was refused (%d)", pathLookup, code)
	}
	return failed(f)
}

// judge tells whether the token can be used, and for how long.
func (c *forwarderCheck) judge(state apiTokenState) Row {
	renew := "create an access token in Dynatrace with the scope " + c.needed() + " and store it in the secret: it is read again every few minutes"
	if state.Enabled != nil && !*state.Enabled {
		return bad("the token is disabled", "enable it in Dynatrace (Access tokens), or store another one in the secret")
	}
	if state.Expires == "" {
		return ok("accepted; it never expires")
	}
	end, known := when(string(state.Expires))
	if !known {
		return ok(fmt.Sprintf("accepted; it expires %.40s", state.Expires))
	}
	left := end.Sub(c.Now())
	days := int(left / (24 * time.Hour))
	c.o.Metrics.Put(telemetry.Count("TokenDaysLeft", max(0, days)))
	detail := "until " + end.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		return bad("the token was valid "+detail, renew)
	case left < expirySoon:
		return warning(fmt.Sprintf("accepted; valid %s: %d days left", detail, days), renew)
	}
	return ok(fmt.Sprintf("accepted; valid %s: %d days left", detail, days))
}

// needed is the scope for the ingest address; neither covers the other.
func (c *forwarderCheck) needed() string {
	if strings.Contains(c.URL.Path, ingestRoot+"custom/") {
		return scopeCustom
	}
	return scopeBuiltIn
}

// scope compares what the token may do with what the ingest asks for.
func (c *forwarderCheck) scope(context.Context) Row {
	switch {
	case c.scopes == nil:
		return Row{State: Skipped, Detail: "the look-up did not tell the token's scopes", Cure: proveIt}
	case !slices.Contains(c.scopes, c.needed()):
		return bad("the token lacks the scope "+c.needed(), "give the token the scope "+c.needed()+" in Dynatrace (Access tokens), or store one in the secret that has it")
	}
	return ok(c.needed())
}
