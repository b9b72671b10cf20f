package appliance

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

// Paths of API v2.
const (
	apiV2          = "/rca/api/v2"
	pathEcosystems = apiV2 + "/rca-instances/1/ecosystems"
	// pathLatest are the last results of one system; false or true follows.
	pathLatest = apiV2 + "/ecosystems/{id}/config-scans/latest?includeAllAnalyzedObjects="
)

// latestOf is the path of a system's last results.
func latestOf(id string, allObjects bool) string {
	return strings.Replace(pathLatest, "{id}", url.PathEscape(id), 1) + strconv.FormatBool(allObjects)
}

// v2 is the version of 2023: systems are called ecosystems, and each has its
// results in a document of its own.
type v2 struct {
	*Client
	uids map[string]string // of v1, by id; nil: not joined yet
}

// ecosystems lists those of the appliance itself, which is instance 1.
func (g *v2) ecosystems(ctx context.Context) ([]runecast.Ecosystem, error) {
	return small(ctx, g.Client, pathEcosystems, runecast.DecodeEcosystems)
}

func (g *v2) systems(ctx context.Context) ([]runecast.System, error) {
	list, err := g.ecosystems(ctx)
	if err != nil {
		return nil, err
	}
	var all []runecast.System
	listed := make(map[string]bool)
	for _, e := range list {
		if e.ID == "" || listed[e.ID] {
			continue
		}
		listed[e.ID] = true
		all = append(all, runecast.System{ID: e.ID, Name: cmp.Or(e.Name, e.ID), Type: cmp.Or(e.Type, runecast.TypeUnknown)})
	}
	return all, nil
}

func (g *v2) describe(ctx context.Context, systems []runecast.System) error {
	for i := range systems {
		s := &systems[i]
		e, err := g.latest(ctx, s.ID)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		s.Scan = e.Scan
		if s.Type == runecast.TypeUnknown && s.Scan.Trouble == "" {
			s.Type = e.Type()
		}
	}
	return nil
}

func (g *v2) statuses(ctx context.Context, ids []string) (map[string]runecast.Scan, error) {
	scans := make(map[string]runecast.Scan, len(ids))
	absent := false
	for _, id := range ids {
		e, err := g.latest(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			absent = true
		default:
			scans[id] = e.Scan
		}
	}
	if !absent { // else: never analysed, or connected no more?
		return scans, nil
	}
	list, err := g.ecosystems(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if _, has := scans[e.ID]; !has {
			scans[e.ID] = runecast.Scan{}
		}
	}
	return scans, nil
}

// latest reads what a system's last results say of themselves; nil if it has
// none. What is wrong with them alone is in the scan's Trouble.
func (g *v2) latest(ctx context.Context, id string) (*runecast.Element, error) {
	var seen *runecast.Element
	err := g.read(ctx, id, false, func(e *runecast.Element) error {
		seen = e
		return nil
	})
	if own, ok := err.(*SystemError); ok { //nolint:errorlint // it is never wrapped here
		return &runecast.Element{ID: id, Scan: runecast.Scan{Trouble: own.Error()}}, nil
	}
	return seen, err
}

func (g *v2) results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error {
	for _, id := range ids {
		if err := g.read(ctx, id, g.o.AllObjects, visit); err != nil {
			return err
		}
	}
	return nil
}

// read streams a system's last results. That 404 means a system without is a
// guess.
func (g *v2) read(ctx context.Context, id string, allObjects bool, visit func(*runecast.Element) error) error {
	body, err := g.get(ctx, latestOf(id, allObjects))
	switch code := endpoint.StatusOf(err); {
	case code == http.StatusNotFound:
		return nil
	case code == http.StatusForbidden, code == http.StatusInternalServerError, code == http.StatusGatewayTimeout:
		return &SystemError{id, err}
	case err != nil:
		return err
	}
	defer body.Close()
	var visitErr error
	err = runecast.ReadV2(counting{body, &g.received}, id, func(e *runecast.Element) error {
		visitErr = visit(e)
		return visitErr
	})
	switch {
	case visitErr != nil:
		return visitErr
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &SystemError{id, g.readError(ctx, err)}
}

// trigger starts an analysis at a path that is a guess. Where an appliance does
// not know it and the choice of the version is free, v1's trigger is used.
func (g *v2) trigger(ctx context.Context, id string) error {
	err := g.start(ctx, cmp.Or(g.o.ScanPath, apiV2+"/ecosystems/{id}/config-scans"), id)
	if code := endpoint.StatusOf(err); code != http.StatusNotFound && code != http.StatusMethodNotAllowed || g.o.ScanPath != "" {
		return err
	}
	if g.o.API == runecast.V2 {
		return g.untriggerable(err, "RUNECAST_API=v2 rules out the trigger of API v1")
	}
	uid, jerr := g.join(ctx, id)
	switch {
	case jerr != nil:
		return jerr
	case uid == "":
		return g.untriggerable(err, "API v1 lists no vCenter of its name, or several")
	}
	return g.start(ctx, apiV1+"/scan/{id}", uid)
}

func (g *v2) untriggerable(err error, why string) error {
	return &fault.Error{Class: fault.Config, Where: g.service.Host(),
		What: fmt.Sprintf("the appliance has no trigger for it (%d in API v2; %s)", endpoint.StatusOf(err), why),
		Cure: `use the mode "latest" for it and let the appliance scan by its own schedule, or set RUNECAST_SCAN_PATH to the path shown by the appliance's API browser`}
}

// join finds the uid that v1 knows a system by: no appliance shows both
// identifiers, so the name must do, if it is one vCenter's alone. Empty: none.
func (g *v2) join(ctx context.Context, id string) (string, error) {
	g.mu.Lock()
	uids := g.uids
	g.mu.Unlock()
	if uids != nil {
		return uids[id], nil
	}
	vcenters, err := g.vcenters(ctx)
	if err != nil && endpoint.StatusOf(err) != http.StatusNotFound {
		return "", err
	}
	list, err := g.ecosystems(ctx)
	if err != nil {
		return "", err
	}
	byName := make(map[string][]string)
	for _, v := range vcenters {
		if v.UID != "" {
			name := strings.ToLower(v.Address)
			byName[name] = append(byName[name], v.UID)
		}
	}
	named := make(map[string]int)
	for _, e := range list {
		named[strings.ToLower(e.Name)]++
	}
	uids = make(map[string]string)
	for _, e := range list {
		name := strings.ToLower(e.Name)
		if match := byName[name]; name != "" && len(match) == 1 && named[name] == 1 {
			uids[e.ID] = match[0]
		}
	}
	g.mu.Lock()
	g.uids = uids
	g.mu.Unlock()
	return uids[id], nil
}
