package forward

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/status"
)

// inspect answers the actions status and quarantine, which only read the archive.
func (f *Forwarder) inspect(ctx context.Context, action string, text jsontext.Value) (any, error) {
	r := status.New(f.o.Archive, f.o.Now)
	if action == payload.Status {
		req, err := payload.ParseStatus(text)
		if err != nil {
			return nil, err
		}
		return r.Status(ctx, req)
	}
	req, err := payload.ParseQuarantine(text)
	switch {
	case err != nil:
		return nil, err
	case req.Key == "" && req.Index == nil:
		return r.Refusals(ctx, req.StatusRequest)
	}
	return r.Quarantine(ctx, req)
}
