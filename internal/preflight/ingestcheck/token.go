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

// token looks the token up, or asks the ingest itself if the token cannot be looked up.
func (c *check) token(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	if openpipeline.KindOf(c.Cred.Token) == openpipeline.PlatformToken {
		return c.knock(limited, 0)
	}
	row, unserved := c.lookUp(limited)
	if row == (preflight.Row{}) {
		return c.knock(limited, unserved)
	}
	return row
}

// lookUp asks the environment about an access token. It returns no row if the token
// cannot be looked up: either it is a platform token meanwhile, or the address does not
// serve the look-up; then unserved is the status that says so.
func (c *check) lookUp(limited context.Context) (row preflight.Row, unserved int) {
	state, err := c.ingest.LookUp(limited)
	status := endpoint.StatusOf(err)
	switch {
	case err == nil:
		c.scopes = state.Scopes
		return c.judge(state), 0
	case errors.Is(err, openpipeline.ErrPlatformToken): // the secret was changed during the check
		return preflight.Row{}, 0
	case errors.Is(err, openpipeline.ErrOddLookup):
		return preflight.Warn("accepted, but "+err.Error()+": scope and expiry are not checked", proveIt), 0
	case status == http.StatusForbidden:
		return preflight.Warn("the token may not look itself up (403): scope and expiry are not checked", proveIt), 0
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return preflight.Row{}, status
	}
	return preflight.FailedBy(preflight.Late(limited, err, c.URL.Host)), 0
}

// knock judges a token that cannot be looked up by the answer of the ingest to an empty
// list of events. unserved is the status of the look-up; 0: none was made.
func (c *check) knock(limited context.Context, unserved int) preflight.Row {
	status, kind, err := c.ingest.Knock(limited)
	c.platform = kind == openpipeline.PlatformToken
	if err != nil {
		row := preflight.FailedBy(preflight.Late(limited, err, c.URL.Host))
		row.Cure = cmp.Or(row.Cure, openpipeline.CheckAgain)
		return row
	}
	if !c.platform && unserved == 0 { // the secret holds an access token now
		var row preflight.Row
		row, unserved = c.lookUp(limited)
		switch {
		case row != (preflight.Row{}):
			return row
		case unserved == 0: // and now a platform token again
			return preflight.Warn("the kind of the token in the secret changed during the check", openpipeline.CheckAgain)
		}
	}
	found := fmt.Sprintf("the ingest did not refuse it with an empty list of events (%d)", status)
	const unknown = "Whether it accepts events, and when the token ends, nothing says"
	if c.platform {
		return preflight.Unproven(fmt.Sprintf("a platform token: %s. %s: the look-up knows access tokens alone", found, unknown), proveIt)
	}
	return preflight.Warn(fmt.Sprintf("an access token: %s. %s: the look-up of tokens is not served there (%d)", found, unknown, unserved), proveIt)
}

// judge returns the row about a token that was looked up: whether it can be used, and
// until when. It writes the metric TokenDaysLeft if the token expires.
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

// scope compares the scopes of the token with the one that the ingest needs.
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
