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
	// pathLatest is the path of one system's last results; false or true is appended.
	pathLatest = apiV2 + "/ecosystems/{id}/config-scans/latest?includeAllAnalyzedObjects="
)

// latestOf returns the path of a system's last results.
func latestOf(id string, allObjects bool) string {
	return strings.Replace(pathLatest, "{id}", url.PathEscape(id), 1) + strconv.FormatBool(allObjects)
}

// v2 is the version of the API of 2023: systems are called ecosystems, and each has its
// results in a document of its own.
type v2 struct {
	*Client
	uids map[string]string // v1's uids of systems, by their ids in v2; nil: not read yet
}

// ecosystems lists the systems of the appliance itself, which is instance 1.
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
	if !absent {
		return scans, nil
	}
	// A system without results was never analysed if it is listed, else it is no longer
	// connected.
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

// latest reads a system's last results, and returns the element without keeping them;
// nil if the system has none. A *SystemError becomes the Trouble of the scan.
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

// read reads a system's last results as a stream. It takes 404 for a system without
// results and returns nil then; that this is what 404 means is a guess.
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

// trigger starts an analysis. Its path is a guess, unless one is set. If the appliance
// does not know the path, v1's trigger is used, unless a path or version v2 is set.
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

// untriggerable returns the error that a system's analysis cannot be started. err is the
// refusal by v2, why the reason that v1's trigger cannot be used.
func (g *v2) untriggerable(err error, why string) error {
	return &fault.Error{Class: fault.Config, Where: g.service.Host(),
		What: fmt.Sprintf("the appliance has no trigger for it (%d in API v2; %s)", endpoint.StatusOf(err), why),
		Cure: `use the mode "latest" for it and let the appliance scan by its own schedule, or set RUNECAST_SCAN_PATH to the path shown by the appliance's API browser`}
}

// join returns v1's uid of a system. No appliance shows both ids, so join looks for the
// vCenter with the system's name. Empty: there is none, or the name is not unique.
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
