package appliance

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/runecast"
)

const (
	// maxTypes bounds the profile codes that are remembered, and maxType the
	// length of one in bytes.
	maxTypes = 200
	maxType  = 100
)

// sawType remembers a profile code that was seen in results.
func (c *Client) sawType(code string) {
	if code == "" || len(code) > maxType {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.types) < maxTypes {
		c.types[code] = true
	}
}

// Issues copies the catalogue of API v1 to dst, byte for byte. Appliances are known to
// fail on the whole catalogue (2020). Then Issues requests it in parts, one for each
// profile code that was seen in results, and joins them into one document; a part that
// fails is left out. An error does not matter for results: they can be read without the
// catalogue.
func (c *Client) Issues(ctx context.Context, dst io.Writer) error {
	err := c.issues(ctx, "", func(body io.Reader) error { return runecast.CopyDocument(dst, body) })
	if endpoint.StatusOf(err) >= 500 && ctx.Err() == nil {
		err = c.issuesByType(ctx, dst, err)
	}
	if err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	return nil
}

func (c *Client) issues(ctx context.Context, query string, read func(io.Reader) error) error {
	body, err := c.get(ctx, pathIssues+query)
	if err != nil {
		return err
	}
	defer body.Close()
	return c.readError(ctx, read(body))
}

// issuesByType reads the catalogue in parts by profile code. first is the error of the
// whole catalogue; it is returned if no part could be read either.
func (c *Client) issuesByType(ctx context.Context, dst io.Writer, first error) error {
	c.mu.Lock()
	types := slices.Sorted(maps.Keys(c.types))
	c.mu.Unlock()
	list := runecast.NewJoin(dst)
	got := false
	for _, code := range types {
		err := c.issues(ctx, "?type="+url.QueryEscape(code), list.Add)
		switch {
		case list.Err() != nil:
			return list.Err()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			got = true
		}
	}
	if !got {
		return first
	}
	return list.End()
}
