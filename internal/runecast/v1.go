package runecast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

// maxSmall bounds the documents that are decoded at once: the list of vCenters
// and of analyzers.
const maxSmall = 8 << 20

// System is a connected system as the appliance lists it.
type System struct {
	ID string
	// Name is a vCenter's address, else what its results call it, else the id.
	Name string
	// Type is one of the Type constants, by evidence.
	Type string
	// Scan is its last analysis.
	Scan Scan
}

// Info is what an appliance says about itself; empty where it says nothing.
type Info struct {
	InstanceUUID string
	Version      string
	Definitions  string
}

// Systems lists all connected systems with their last scan: those with results
// in the order of the results, then vCenters that have none yet.
func (c *Client) Systems(ctx context.Context) ([]System, error) {
	vcenters, err := c.vcenters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list vCenters: %w", err)
	}
	address := make(map[string]string, len(vcenters))
	for _, v := range vcenters {
		address[string(v.UID)] = string(v.Address)
	}
	var all []System
	listed := make(map[string]int)
	var seen []*Element
	if err := c.results(ctx, "?onlyDetectedIssues=true", func(e *Element) error {
		seen = append(seen, e)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list systems: %w", err)
	}
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

// Statuses reads the last scan of every system that has results, by id. It
// asks for detected issues only, to keep the answer small.
func (c *Client) Statuses(ctx context.Context) (map[string]Scan, error) {
	var seen []*Element
	err := c.results(ctx, "?onlyDetectedIssues=true", func(e *Element) error {
		seen = append(seen, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read scan statuses: %w", err)
	}
	scans := make(map[string]Scan, len(seen))
	for _, e := range seen {
		scans[e.ID] = e.Scan
	}
	return scans, nil
}

// Results downloads the last results of all systems and calls visit for each,
// see Split. Elements that visit took before an error were whole.
func (c *Client) Results(ctx context.Context, visit func(*Element) error) error {
	if err := c.results(ctx, "", visit); err != nil {
		return fmt.Errorf("download results: %w", err)
	}
	return nil
}

func (c *Client) results(ctx context.Context, query string, visit func(*Element) error) error {
	body, err := c.get(ctx, apiV1+"/results"+query)
	if err != nil {
		return err
	}
	defer body.Close()
	var visitErr error
	err = Split(body, func(e *Element) error {
		visitErr = visit(e)
		return visitErr
	})
	if visitErr != nil {
		return visitErr
	}
	return c.readError(ctx, err)
}

// readError explains what broke a body.
func (c *Client) readError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return c.at(endpoint.Explain(err, c.o.URL.Host))
}

// Trigger starts the analysis of one system. An analysis that runs already
// (409) is as good. It is tried once: after an error of class Retry it is not
// known whether the appliance took it, and a second analysis is harmless.
func (c *Client) Trigger(ctx context.Context, id string) error {
	body, _, err := c.try(ctx, http.MethodPost, strings.ReplaceAll(c.o.ScanPath, "{id}", url.PathEscape(id)))
	if err != nil {
		return fmt.Errorf("start analysis: %w", err)
	}
	drain(body)
	return nil
}

// Issues copies the catalogue of all checks to dst, byte for byte. It helps to
// read old results, which stand without it: appliances are known to fail on it.
func (c *Client) Issues(ctx context.Context, dst io.Writer) error {
	body, err := c.get(ctx, apiV1+"/issues")
	if err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	defer body.Close()
	if err := c.readError(ctx, copyDocument(dst, body)); err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	return nil
}

// copyDocument copies one JSON document and makes sure that it is whole.
func copyDocument(dst io.Writer, src io.Reader) error {
	w := newWalker(src, chunkSize)
	w.tap.begin(0, dst)
	if err := w.skip(); err != nil {
		return err
	}
	w.tap.end(w.dec.InputOffset())
	if w.tap.sinkErr != nil {
		return w.tap.sinkErr
	}
	return w.end()
}

// Info reads version and definitions. It is optional: an appliance whose API
// does not offer it (it moved from /rc2 to /rca) gives the zero value.
func (c *Client) Info(ctx context.Context) Info {
	for _, root := range []string{"/rca", "/rc2"} {
		var doc struct {
			RCAInstances []struct {
				Info struct {
					InstanceUUID           text `json:"instanceUuid"`
					LongApplicationVersion text `json:"longApplicationVersion"`
					DefinitionsVersion     text `json:"definitionsVersion"`
				} `json:"rcaInstanceInfo"`
			} `json:"rcaInstances"`
		}
		if c.small(ctx, root+"/api/v2/rca-instances?localOnly=false", &doc) != nil || len(doc.RCAInstances) == 0 {
			continue
		}
		info := doc.RCAInstances[0].Info
		return Info{InstanceUUID: string(info.InstanceUUID), Version: string(info.LongApplicationVersion), Definitions: string(info.DefinitionsVersion)}
	}
	return Info{}
}

type vcenter struct {
	UID     text `json:"uid"`
	Address text `json:"address"`
}

func (c *Client) vcenters(ctx context.Context) ([]vcenter, error) {
	var doc struct {
		VCenters []vcenter `json:"vcenters"`
	}
	err := c.small(ctx, apiV1+"/vcenters", &doc)
	return doc.VCenters, err
}

// small decodes a document of limited size.
func (c *Client) small(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	var whole strings.Builder
	if err := copyDocument(&whole, io.LimitReader(body, maxSmall)); err != nil {
		return c.readError(ctx, err)
	}
	err = json.Unmarshal([]byte(whole.String()), into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return c.at(&fault.Error{Class: fault.Reject, What: "the answer to GET " + path + " has another shape than known", Err: memberOf(err), Cure: otherService})
	}
	return nil
}

// memberOf keeps the place of a decoding error: its text could quote the document.
func memberOf(err error) error {
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("at %s", s.JSONPointer)
	}
	return position(err)
}

// text is a string or a number, which appliances mix for identifiers; null is empty.
type text string

// UnmarshalJSONFrom reads any scalar.
func (t *text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case '"', '0':
		*t = text(tok.String())
	case 'n':
		*t = ""
	default:
		return errors.New("neither text nor number")
	}
	return nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
