package ingestcheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/telemetry"
)

const proveIt = `prove it with {"action":"check","sendTestEvent":true}`

// token has the environment look the token up.
func (c *check) token(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	state, err := c.ingest.LookUp(limited)
	switch {
	case err == nil:
		c.scopes = state.Scopes
		return c.judge(state)
	case errors.Is(err, openpipeline.ErrOddLookup):
		return preflight.Warn("accepted, but "+err.Error()+": scope and expiry are not checked", proveIt)
	case endpoint.StatusOf(err) == http.StatusForbidden:
		return preflight.Warn("the token may not look itself up (403): scope and expiry are not checked", proveIt)
	}
	return preflight.FailedBy(preflight.Late(limited, err, c.URL.Host))
}

// judge tells whether the token can be used, and for how long.
func (c *check) judge(state openpipeline.Token) preflight.Row {
	renew := "create an access token in Dynatrace with the scope " + c.ingest.Scope() + " and store it in the secret: it is read again every few minutes"
	if state.Enabled != nil && !*state.Enabled {
		return preflight.Fail("the token is disabled", "enable it in Dynatrace (Access tokens), or store another one in the secret")
	}
	if state.Expires == "" {
		return preflight.Passed("accepted; it never expires")
	}
	end, err := time.Parse(time.RFC3339, state.Expires)
	if err != nil {
		return preflight.Passed(fmt.Sprintf("accepted; it expires %.40s", state.Expires))
	}
	left := end.Sub(c.Now())
	days := int(left / (24 * time.Hour))
	c.o.Metrics.Put(telemetry.Count("TokenDaysLeft", max(0, days)))
	detail := "until " + end.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		return preflight.Fail("the token was valid "+detail, renew)
	case left < preflight.ExpirySoon:
		return preflight.Warn(fmt.Sprintf("accepted; valid %s: %d days left", detail, days), renew)
	}
	return preflight.Passed(fmt.Sprintf("accepted; valid %s: %d days left", detail, days))
}

// scope compares what the token may do with what the ingest asks for.
func (c *check) scope(context.Context) preflight.Row {
	switch {
	case c.scopes == nil:
		return preflight.Row{State: preflight.Skipped, Detail: "the look-up did not tell the token's scopes", Cure: proveIt}
	case !slices.Contains(c.scopes, c.ingest.Scope()):
		return preflight.Fail("the token lacks the scope "+c.ingest.Scope(), "give the token the scope "+c.ingest.Scope()+" in Dynatrace (Access tokens), or store one in the secret that has it")
	}
	return preflight.Passed(c.ingest.Scope())
}
