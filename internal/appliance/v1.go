package appliance

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"runecast-ingest/internal/runecast"
)

// Paths of API v1.
const (
	apiV1        = "/rc2/api/v1"
	pathVCenters = apiV1 + "/vcenters"
	pathResults  = apiV1 + "/results"
	// pathDetected has the results without the rules that found nothing: a smaller
	// answer.
	pathDetected = pathResults + "?onlyDetectedIssues=true"
	pathIssues   = apiV1 + "/issues"
	pathLicences = apiV1 + "/licenses"
)

// v1 is the version of the API of 2017 to 2023: one document holds the results of all
// systems, with the status of their scans.
type v1 struct{ *Client }

func (g v1) systems(ctx context.Context) ([]runecast.System, error) {
	vcenters, err := g.vcenters(ctx)
	if err != nil {
		return nil, err
	}
	address := make(map[string]string, len(vcenters))
	for _, v := range vcenters {
		address[v.UID] = v.Address
	}
	seen, err := g.detected(ctx)
	if err != nil {
		return nil, err
	}
	var all []runecast.System
	listed := make(map[string]int)
	for _, e := range seen {
		name, isVCenter := address[e.ID]
		s := runecast.System{ID: e.ID, Name: cmp.Or(name, e.Name, e.ID), Type: e.Type(), Scan: e.Scan}
		if isVCenter {
			s.Type = runecast.TypeVCenter
		}
		if i, twice := listed[e.ID]; twice {
			all[i] = s
			continue
		}
		listed[e.ID] = len(all)
		all = append(all, s)
	}
	for _, v := range vcenters {
		if _, has := listed[v.UID]; !has && v.UID != "" {
			listed[v.UID] = len(all)
			all = append(all, runecast.System{ID: v.UID, Name: cmp.Or(v.Address, v.UID), Type: runecast.TypeVCenter})
		}
	}
	return all, nil
}

func (v1) describe(context.Context, []runecast.System) error { return nil }

func (g v1) statuses(ctx context.Context, _ []string) (map[string]runecast.Scan, error) {
	seen, err := g.detected(ctx)
	if err != nil {
		return nil, err
	}
	scans := make(map[string]runecast.Scan, len(seen))
	for _, e := range seen {
		scans[e.ID] = e.Scan
	}
	return scans, nil
}

// detected reads the results of all systems without the rules that found nothing.
func (g v1) detected(ctx context.Context) (seen []*runecast.Element, err error) {
	err = g.read(ctx, pathDetected, func(e *runecast.Element) error {
		seen = append(seen, e)
		return nil
	})
	return seen, err
}

func (g v1) results(ctx context.Context, _ []string, visit func(*runecast.Element) error) error {
	return g.read(ctx, pathResults, visit)
}

func (g v1) read(ctx context.Context, path string, visit func(*runecast.Element) error) error {
	body, err := g.get(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	var visitErr error
	err = runecast.ReadV1(counting{body, &g.received}, g.sawType, func(e *runecast.Element) error {
		visitErr = visit(e)
		return visitErr
	})
	if visitErr != nil {
		return visitErr
	}
	return g.readError(ctx, err)
}

func (g v1) trigger(ctx context.Context, id string) error {
	return g.start(ctx, cmp.Or(g.o.ScanPath, apiV1+"/scan/{id}"), id)
}

// start starts an analysis by a POST to a path template, with the id in place of {id}.
func (c *Client) start(ctx context.Context, template, id string) error {
	a, err := c.patiently(ctx, http.MethodPost, strings.ReplaceAll(template, "{id}", url.PathEscape(id)))
	if err != nil {
		return err
	}
	a.Discard()
	return nil
}

func (c *Client) vcenters(ctx context.Context) ([]runecast.VCenter, error) {
	return small(ctx, c, pathVCenters, runecast.DecodeVCenters)
}
