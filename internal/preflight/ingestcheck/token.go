package ingestcheck

import (
	"cmp"
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

// token has the environment look the token up, or asks the ingest itself where
// no look-up can judge it. Both are asked where a rotation meanwhile has put the
// other kind of token into the secret.
func (c *check) token(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	if openpipeline.KindOf(c.Cred.Token) == openpipeline.PlatformToken {
		row, still := c.platformToken(limited)
		if still {
			return row
		}
	}
	state, err := c.ingest.LookUp(limited)
	switch {
	case err == nil:
		c.scopes = state.Scopes
		return c.judge(state)
	case errors.Is(err, openpipeline.ErrPlatformToken): // since a moment ago
		row, _ := c.platformToken(limited)
		return row
	case errors.Is(err, openpipeline.ErrOddLookup):
		return preflight.Warn("accepted, but "+err.Error()+": scope and expiry are not checked", proveIt)
	case endpoint.StatusOf(err) == http.StatusForbidden:
		return preflight.Warn("the token may not look itself up (403): scope and expiry are not checked", proveIt)
	}
	return preflight.FailedBy(preflight.Late(limited, err, c.URL.Host))
}

// platformToken says what can be known of a platform token: whether the ingest
// refuses it. False: the secret holds another kind of token by now, which was not
// refused.
func (c *check) platformToken(limited context.Context) (preflight.Row, bool) {
	status, err := c.ingest.Knock(limited)
	if errors.Is(err, openpipeline.ErrAccessToken) {
		return preflight.Warn("the kind of the token in the secret changed during the check", openpipeline.CheckAgain), false
	}
	c.platform = true
	if err == nil {
		return preflight.Unproven(fmt.Sprintf("a platform token: the ingest did not refuse it with an empty list of events (%d). "+
			"Whether it accepts events, and when the token ends, nothing says: the look-up knows access tokens alone", status), proveIt), true
	}
	row := preflight.FailedBy(preflight.Late(limited, err, c.URL.Host))
	row.Cure = cmp.Or(row.Cure, openpipeline.CheckAgain)
	return row, true
}

// judge says whether the token can be used, and for how long.
func (c *check) judge(state openpipeline.Token) preflight.Row {
	renew := "create in Dynatrace " + c.ingest.Wanted() + ", and store it in the secret: it is read again every few minutes"
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
	needed := c.ingest.Scope(openpipeline.AccessToken)
	switch {
	case c.platform:
		return preflight.Unproven("whether the platform token has the permission "+c.ingest.Scope(openpipeline.PlatformToken)+" cannot be looked up", proveIt)
	case c.scopes == nil:
		return preflight.Unproven("the look-up did not tell the token's scopes", proveIt)
	case !slices.Contains(c.scopes, needed):
		return preflight.Fail("the token lacks the scope "+needed, "give the token the scope "+needed+" in Dynatrace (Access tokens), or store one in the secret that has it")
	}
	return preflight.Passed(needed)
}
