package appliance

import (
	"context"
	"fmt"
	"io"

	"runecast-ingest/internal/runecast"
)

// Paths of the list of analyzers, in which an appliance describes itself. Appliances have
// one or the other.
const (
	pathInfo  = "/rca/api/v2/rca-instances?localOnly=false"
	pathInfo1 = "/rc2/api/v2/rca-instances?localOnly=false"
)

// Info reads the appliance's version and definitions. They are optional: it returns the
// zero value if the appliance does not offer them, or does not answer.
func (c *Client) Info(ctx context.Context) runecast.Info {
	for _, path := range []string{pathInfo, pathInfo1} {
		info, err := small(ctx, c, path, runecast.DecodeInfo)
		if err == nil && info != (runecast.Info{}) {
			return info
		}
	}
	return runecast.Info{}
}

// Licences reads the appliance's licences, by API v1: API v2 has no list of them.
func (c *Client) Licences(ctx context.Context) (runecast.Licences, error) {
	return small(ctx, c, pathLicences, runecast.DecodeLicences)
}

// Answers requests the list of systems in one version of the API, V1 or V2: the smallest
// answer that proves the token. It returns the request, as "GET <path>", and nil if the
// answer is JSON.
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

// small reads a small document and decodes it at once.
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
