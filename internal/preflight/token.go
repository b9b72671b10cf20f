package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

const proveIt = `prove it with {"action":"check","sendTestEvent":true}`

// token has the environment look the token up.
func (c *forwarderCheck) token(ctx context.Context) Row {
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	state, err := c.ingest.LookUp(limited)
	switch {
	case err == nil:
		c.scopes = state.Scopes
		return c.judge(state)
	case errors.Is(err, openpipeline.ErrOddLookup):
		return warning("accepted, but "+err.Error()+": scope and expiry are not checked", proveIt)
	case endpoint.StatusOf(err) == http.StatusForbidden:
		return warning("the token may not look itself up (403): scope and expiry are not checked", proveIt)
	}
	return failed(late(limited, err, c.URL.Host))
}

// judge tells whether the token can be used, and for how long.
func (c *forwarderCheck) judge(state openpipeline.Token) Row {
	renew := "create an access token in Dynatrace with the scope " + c.ingest.Scope() + " and store it in the secret: it is read again every few minutes"
	if state.Enabled != nil && !*state.Enabled {
		return bad("the token is disabled", "enable it in Dynatrace (Access tokens), or store another one in the secret")
	}
	if state.Expires == "" {
		return ok("accepted; it never expires")
	}
	end, known := when(state.Expires)
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

// scope compares what the token may do with what the ingest asks for.
func (c *forwarderCheck) scope(context.Context) Row {
	switch {
	case c.scopes == nil:
		return Row{State: Skipped, Detail: "the look-up did not tell the token's scopes", Cure: proveIt}
	case !slices.Contains(c.scopes, c.ingest.Scope()):
		return bad("the token lacks the scope "+c.ingest.Scope(), "give the token the scope "+c.ingest.Scope()+" in Dynatrace (Access tokens), or store one in the secret that has it")
	}
	return ok(c.ingest.Scope())
}
