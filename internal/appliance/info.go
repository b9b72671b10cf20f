package appliance

import (
	"context"
	"fmt"
	"io"

	"runecast-ingest/internal/runecast"
)

// Info reads version and definitions. It is optional: an appliance whose API
// does not offer it (it moved from /rc2 to /rca) gives the zero value.
func (c *Client) Info(ctx context.Context) runecast.Info {
	for _, root := range []string{"/rca", "/rc2"} {
		info, err := small(ctx, c, root+"/api/v2/rca-instances?localOnly=false", runecast.DecodeInfo)
		if err == nil && info != (runecast.Info{}) {
			return info
		}
	}
	return runecast.Info{}
}

// small reads a document that is decoded at once.
func small[T any](ctx context.Context, c *Client, path string, decode func(io.Reader) (T, error)) (T, error) {
	body, err := c.get(ctx, path)
	if err != nil {
		var none T
		return none, err
	}
	defer body.Close()
	v, err := decode(body)
	if err != nil {
		return v, fmt.Errorf("GET %s: %w", path, c.readError(ctx, err))
	}
	return v, nil
}
