package appliance

import (
	"context"
	"fmt"
	"io"

	"runecast-ingest/internal/runecast"
)

// Paths of what an appliance says about itself; they moved from the one to the
// other.
const (
	pathInfo  = "/rca/api/v2/rca-instances?localOnly=false"
	pathInfo1 = "/rc2/api/v2/rca-instances?localOnly=false"
)

// Info reads version and definitions. It is optional: an appliance whose API
// does not offer it has the zero value.
func (c *Client) Info(ctx context.Context) runecast.Info {
	for _, path := range []string{pathInfo, pathInfo1} {
		info, err := small(ctx, c, path, runecast.DecodeInfo)
		if err == nil && info != (runecast.Info{}) {
			return info
		}
	}
	return runecast.Info{}
}

// Licences reads for how long the licences are valid. API v2 has no such list.
func (c *Client) Licences(ctx context.Context) (runecast.Licences, error) {
	return small(ctx, c, pathLicences, runecast.DecodeLicences)
}

// Answers asks one version of the API, V1 or V2, for its list of systems:
// the smallest answer that proves the token. It returns the request that was
// made, and nil if JSON came.
func (c *Client) Answers(ctx context.Context, version string) (request string, err error) {
	path := pathVCenters
	if version == runecast.V2 {
		path = pathEcosystems
	}
	request = "GET " + path
	body, err := c.get(ctx, path)
	if err != nil {
		return request, err
	}
	defer body.Close()
	if err := runecast.CopyDocument(io.Discard, body); err != nil {
		return request, fmt.Errorf("%s: %w", request, c.readError(ctx, err))
	}
	return request, nil
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
