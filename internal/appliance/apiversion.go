package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

// Auto leaves the choice of the API's version to APIVersion.
const Auto = "auto"

// apiVersion is one version of the API.
type apiVersion interface {
	systems(ctx context.Context) ([]runecast.System, error)
	describe(ctx context.Context, systems []runecast.System) error
	statuses(ctx context.Context, ids []string) (map[string]runecast.Scan, error)
	results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error
	trigger(ctx context.Context, id string) error
}

// Past is what is known of the version of the API from before; either may be empty.
type Past struct {
	// Run is the version that the active run began with.
	Run string
	// Before is the version that the runs before used.
	Before string
}

// APIVersion settles which version of the API the client uses from now on, and returns
// V1 or V2: the version that the active run began with; else the one that is set; else
// the one that the runs before used; else, at the first run, v2 if the appliance answers
// v2's list of systems, and v1 if it does not know v2. The two versions have different
// ids of systems, so only a person may change from one to the other: any other error of
// v2's list is returned and is no reason for v1. If the appliance does not know the
// version of the runs before any more, the error says what to set.
func (c *Client) APIVersion(ctx context.Context, past Past) (string, error) {
	speak := past.Run
	if speak == "" && c.o.API != Auto {
		speak = c.o.API
	}
	if speak == "" && past.Before != "" {
		if err := c.keep(ctx, past.Before); err != nil {
			return "", err
		}
		speak = past.Before
	}
	if speak == "" {
		var err error
		if speak, err = c.probe(ctx); err != nil {
			return "", fmt.Errorf("find out the API's version: %w", err)
		}
	}
	var api apiVersion
	switch speak {
	case runecast.V1:
		api = &v1{c}
	case runecast.V2:
		api = &v2{Client: c}
	default:
		return "", &fault.Error{Class: fault.Config, Where: "RUNECAST_API", What: fmt.Sprintf("the version %q is not known", speak), Cure: "use auto, v1 or v2"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.api = api
	return speak, nil
}

// keep returns nil if the appliance still has the version of the runs before.
func (c *Client) keep(ctx context.Context, before string) error {
	_, err := c.Answers(ctx, before)
	if !unknown(err) {
		if err != nil {
			return fmt.Errorf("ask for API %s, which the runs before used: %w", before, err)
		}
		return nil
	}
	other := runecast.V1
	if before == runecast.V1 {
		other = runecast.V2
	}
	why := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		why = f.What
	}
	return &fault.Error{Class: fault.Config, Where: c.service.Host(),
		What: fmt.Sprintf("API %s, which the runs before used, does not answer now: %s", before, why),
		Cure: fmt.Sprintf("wait if the appliance is being updated: the next start tries again. If API %s is gone for good, set RUNECAST_API=%s; "+
			`each system gets another id by that, so read "The appliance's API has changed" in the runbook first`, before, other)}
}

// probe returns V2 if the appliance answers v2's list of systems, V1 if it does not know
// that list.
func (c *Client) probe(ctx context.Context) (string, error) {
	_, err := (&v2{Client: c}).ecosystems(ctx)
	switch {
	case err == nil:
		return runecast.V2, nil
	case unknown(err):
		return runecast.V1, nil
	}
	return "", err
}

// unknown reports whether an error says that the appliance does not have the path that
// was requested. For the paths of a version that it does not have, an appliance answers
// 404 or the like, or redirects to its user interface or shows that.
func unknown(err error) bool {
	switch code := endpoint.StatusOf(err); code {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	default:
		return err != nil && code >= 200 && code < 400
	}
}

// settled returns the version of the API in use, and settles it first if that was not
// done yet.
func (c *Client) settled(ctx context.Context) (apiVersion, error) {
	c.mu.Lock()
	api := c.api
	c.mu.Unlock()
	if api != nil {
		return api, nil
	}
	if _, err := c.APIVersion(ctx, Past{}); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.api, nil
}

// Systems lists all connected systems. In v1 they come with their last scan and
// type, those with results first, in the order of the results, then vCenters
// that have none yet. In v2 Describe adds the last scan, and mostly the type.
func (c *Client) Systems(ctx context.Context) ([]runecast.System, error) {
	api, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	all, err := api.systems(ctx)
	if err != nil {
		return nil, fmt.Errorf("list systems: %w", err)
	}
	return all, nil
}

// Describe adds to systems what Systems could not find out: in v2 each
// costs one reading of its last results.
func (c *Client) Describe(ctx context.Context, systems []runecast.System) error {
	api, err := c.settled(ctx)
	if err != nil {
		return err
	}
	if err := api.describe(ctx, systems); err != nil {
		return fmt.Errorf("read last scans: %w", err)
	}
	return nil
}

// Statuses reads the last scan of the systems with these ids, by id. A system that is
// not in the answer is no longer connected, or, with v1, was never analysed; with v2 a
// system that was never analysed has the zero Scan. The answer may hold other systems,
// too. If it is empty, the appliance lists no system at all.
func (c *Client) Statuses(ctx context.Context, ids []string) (map[string]runecast.Scan, error) {
	api, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	scans, err := api.statuses(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read scan statuses: %w", err)
	}
	return scans, nil
}

// Results downloads the last results and calls visit for each system's
// element; see runecast.Element.WriteTo. In v1 one document holds all systems,
// also those not asked for. In v2 each has its own: a system without results is not
// visited, and trouble with one document is a *SystemError, at which the
// download ends. Elements that visit took before an error were whole.
func (c *Client) Results(ctx context.Context, ids []string, visit func(*runecast.Element) error) error {
	api, err := c.settled(ctx)
	if err != nil {
		return err
	}
	if err := api.results(ctx, ids, visit); err != nil {
		return fmt.Errorf("download results: %w", err)
	}
	return nil
}

// Trigger starts the analysis of one system. It returns nil also if an analysis is
// running already (409). After an error of class Retry it is not known whether the
// appliance has started one. Trigger does not send the request again then, although a
// second analysis would do no harm.
func (c *Client) Trigger(ctx context.Context, id string) error {
	api, err := c.settled(ctx)
	if err != nil {
		return err
	}
	if err := api.trigger(ctx, id); err != nil {
		return fmt.Errorf("start analysis: %w", err)
	}
	return nil
}

// SystemError is an error of reading the results of one system. Those of other systems
// may still be readable.
type SystemError struct {
	// ID is the system's id.
	ID  string
	Err error
}

// Error returns the text of Err.
func (e *SystemError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SystemError) Unwrap() error { return e.Err }
