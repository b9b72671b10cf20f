package runecast

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

const apiV1 = "/rc2/api/v1"

// v1 is the generation of 2017 to 2023: one document holds the results of all
// systems, with the status of their scans.
type v1 struct{ *Client }

func (g v1) systems(ctx context.Context) ([]System, error) {
	vcenters, err := g.vcenters(ctx)
	if err != nil {
		return nil, err
	}
	address := make(map[string]string, len(vcenters))
	for _, v := range vcenters {
		address[string(v.UID)] = string(v.Address)
	}
	seen, err := g.detected(ctx)
	if err != nil {
		return nil, err
	}
	var all []System
	listed := make(map[string]int)
	for _, e := range seen {
		name, isVCenter := address[e.ID]
		s := System{ID: e.ID, Name: firstOf(name, e.Name, e.ID), Type: kindOf(e.ID, isVCenter, e.kind), Scan: e.Scan}
		if i, twice := listed[e.ID]; twice {
			all[i] = s
			continue
		}
		listed[e.ID] = len(all)
		all = append(all, s)
	}
	for _, v := range vcenters {
		id := string(v.UID)
		if _, has := listed[id]; !has && id != "" {
			listed[id] = len(all)
			all = append(all, System{ID: id, Name: firstOf(string(v.Address), id), Type: TypeVCenter})
		}
	}
	return all, nil
}

func (v1) describe(context.Context, []System) error { return nil }

func (g v1) statuses(ctx context.Context, _ []string) (map[string]Scan, error) {
	seen, err := g.detected(ctx)
	if err != nil {
		return nil, err
	}
	scans := make(map[string]Scan, len(seen))
	for _, e := range seen {
		scans[e.ID] = e.Scan
	}
	return scans, nil
}

// detected reads all systems. It asks for detected issues only, to keep the
// answer small.
func (g v1) detected(ctx context.Context) (seen []*Element, err error) {
	err = g.read(ctx, "?onlyDetectedIssues=true", func(e *Element) error {
		seen = append(seen, e)
		return nil
	})
	return seen, err
}

func (g v1) results(ctx context.Context, _ []string, visit func(*Element) error) error {
	return g.read(ctx, "", visit)
}

func (g v1) read(ctx context.Context, query string, visit func(*Element) error) error {
	body, err := g.get(ctx, apiV1+"/results"+query)
	if err != nil {
		return err
	}
	defer body.Close()
	var visitErr error
	w := newWalker(body, chunkSize)
	w.profile = g.sawType
	err = w.split(func(e *Element) error {
		visitErr = visit(e)
		return visitErr
	})
	if visitErr != nil {
		return visitErr
	}
	return g.readError(ctx, err)
}

func (g v1) trigger(ctx context.Context, id string) error {
	return g.start(ctx, firstOf(g.o.ScanPath, apiV1+"/scan/{id}"), id)
}

// start posts to a path template.
func (c *Client) start(ctx context.Context, template, id string) error {
	body, err := c.patiently(ctx, http.MethodPost, strings.ReplaceAll(template, "{id}", url.PathEscape(id)))
	if err != nil {
		return err
	}
	drain(body)
	return nil
}

type vcenter struct {
	UID     text  `json:"uid"`
	Address loose `json:"address"`
}

func (c *Client) vcenters(ctx context.Context) ([]vcenter, error) {
	var doc struct {
		VCenters []vcenter `json:"vcenters"`
	}
	err := c.small(ctx, apiV1+"/vcenters", &doc)
	return doc.VCenters, err
}
