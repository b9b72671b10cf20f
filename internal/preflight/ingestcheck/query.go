package ingestcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
)

// queryTime is the most time that the query of a check may take.
const queryTime = 10 * time.Second

// query proves the way to the query service, by a verification's query about a scan that
// does not exist, over the last minute. It does not fail if there is no token for
// queries, or if the ingest's own token may not read: then arrivals stay unknown, but
// deliveries do not depend on them.
func (c *check) query(ctx context.Context) preflight.Row {
	const unknown = "arrivals stay unknown: "
	if c.o.Query == nil {
		return preflight.Unproven(unknown+"no address of the query service follows from OPENPIPELINE_URL", "set GRAIL_URL to https://<environment>.apps.dynatrace.com")
	}
	if c.Cred.Token == (secret.Value{}) {
		return preflight.Unproven(unknown+"the secret cannot be used", "")
	}
	client := c.o.Query(c.o.Limits())
	defer client.HangUp()
	limited, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	err := client.Ready(limited)
	if errors.Is(err, secret.ErrNoQueryToken) {
		what, cure, _ := strings.Cut(secret.ErrNoQueryToken.Error(), ": ")
		return preflight.Unproven(unknown+what, cure)
	}
	if err == nil {
		now := c.Now()
		_, err = client.Count(limited, grail.Scans{IDs: []string{c.o.NewID()}, From: now.Add(-time.Minute), To: now}, now.Add(queryTime))
	}
	switch {
	case err == nil:
		return preflight.Passed(client.Host() + " takes the query token")
	case c.Cred.QueryToken == (secret.Value{}) && fault.ClassOf(err) == fault.Auth:
		return preflight.Unproven(unknown+"the ingest's token may not read", fmt.Sprintf(`store a platform token (dt0s16.…) with %s as "query_token" in the secret`, grail.Rights))
	case fault.ClassOf(err) == fault.Retry: // deliveries do not wait for it
		return preflight.Warn(unknown+err.Error(), openpipeline.CheckAgain)
	}
	return preflight.FailedBy(err)
}
