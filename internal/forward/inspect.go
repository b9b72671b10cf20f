package forward

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/status"
)

const (
	actionStatus     = "status"
	actionQuarantine = "quarantine"
)

// inspect answers what only reads: how the archive stands, and what was refused.
func (f *Forwarder) inspect(ctx context.Context, action string, payload jsontext.Value) (any, error) {
	r := status.New(f.o.Archive, f.o.Now)
	if action == actionStatus {
		req, err := status.Parse[status.Request](payload)
		if err != nil {
			return nil, err
		}
		return r.Status(ctx, req)
	}
	req, err := status.Parse[status.QuarantineRequest](payload)
	switch {
	case err != nil:
		return nil, err
	case req.Key == "" && req.Index == nil:
		return r.Refusals(ctx, req.Request)
	}
	return r.Quarantine(ctx, req)
}
