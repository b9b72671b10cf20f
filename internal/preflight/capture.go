package preflight

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"runecast-ingest/internal/fault"
)

const (
	// maxScans bounds how many systems' results are captured in API v2.
	maxScans = 5
	// captureTime bounds one call of a capture.
	captureTime = 2 * time.Minute
)

// plain is what may be told of a version or media type: enough for either, too
// little for a name or an address.
var (
	plainVersion = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){0,4}$`)
	plainMedia   = regexp.MustCompile(`^(application|text)/(json|html|plain|xml|xhtml\+xml|problem\+json|octet-stream)$`)
)

// Recording is the answer to capture: the API as it is there, without values.
type Recording struct {
	// Collector and Appliance are versions; empty where not known.
	Collector string `json:"collector"`
	Appliance string `json:"appliance"`
	API       string `json:"api"` // as set
	Calls     []Call `json:"calls"`
	// Next says what to do now.
	Next string `json:"next"`
}

// Call is one answer of the appliance.
type Call struct {
	// Call is the method and the path, {id} for a system's id.
	Call string `json:"call"`
	// Status is 0 if there was no answer.
	Status int `json:"status"`
	// ContentType is the media type, "other" if it is none that is expected.
	ContentType string `json:"contentType"`
	// Bytes that were read of the body, uncompressed.
	Bytes int64 `json:"bytes"`
	// Milliseconds from the request to the end of reading.
	Milliseconds int64 `json:"ms"`
	// Note says why the shape is missing, or where the reading ended.
	Note  string `json:"note,omitempty"`
	Shape *Shape `json:"shape,omitempty"`
}

// Capture makes every reading call that the collector uses, and reduces the
// answers. It ends before the context does. An error means that nothing could
// be asked.
func (p *Preflight) Capture(ctx context.Context) (Recording, error) {
	cred, err := p.o.Secret(ctx)
	if err != nil {
		return Recording{}, err
	}
	api, err := p.caller(cred)
	if err != nil {
		return Recording{}, err
	}
	defer api.http.CloseIdleConnections()
	if deadline, ok := ctx.Deadline(); ok { // time to answer
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-min(reachTime, time.Until(deadline)/4)))
		defer cancel()
		ctx = limited
	}
	r := Recording{Collector: p.o.Version, API: p.o.API, Next: "attach this answer to the support case: it holds the API's shape and no values"}
	answered := false
	record := func(path, shown string) {
		c := p.record(ctx, api, path)
		c.Call = "GET " + shown
		answered = answered || c.Status != 0
		r.Calls = append(r.Calls, c)
	}
	for _, path := range []string{pathInstances, pathInstances1, pathEcosystems, pathVCenters, pathLicences, pathDetected, pathResults, pathIssues} {
		record(path, path)
	}
	shown := pathLatest + strconv.FormatBool(p.o.AllObjects)
	for _, id := range api.ecosystems(ctx) {
		record(strings.Replace(shown, "{id}", url.PathEscape(id), 1), shown)
	}
	if version := p.o.Connect(api.http, cred).Info(ctx).Version; plainVersion.MatchString(version) {
		r.Appliance = version
	}
	if !answered {
		r.Next = `no call was answered: {"action":"check"} tells why`
	}
	p.o.Log.InfoContext(ctx, "captured", "calls", len(r.Calls), "answered", answered)
	return r, nil
}

// record makes one call and reduces its answer.
func (p *Preflight) record(ctx context.Context, api *caller, path string) Call {
	ctx, cancel := context.WithTimeout(ctx, captureTime)
	defer cancel()
	began := p.o.Now()
	resp, err := api.get(ctx, path)
	if err != nil { // its text names the host
		return Call{Note: "no answer (" + string(fault.ClassOf(err)) + ")", Milliseconds: p.o.Now().Sub(began).Milliseconds()}
	}
	defer resp.Body.Close()
	c := Call{Status: resp.StatusCode, ContentType: mediaType(resp)}
	if !plainMedia.MatchString(c.ContentType) {
		c.ContentType = "other"
	}
	shape, n, err := Reduce(resp.Body)
	c.Bytes, c.Milliseconds = n, p.o.Now().Sub(began).Milliseconds()
	switch {
	case errors.Is(err, errNotJSON), n == 0:
		c.Note = "not JSON"
		return c
	case errors.Is(err, errEnough), errors.Is(err, errLongText), errors.Is(err, errCut):
		c.Note = err.Error()
	case err != nil:
		c.Note = "the connection broke"
	}
	c.Shape = &shape
	return c
}

// ecosystems gives the ids of the first few systems of API v2, if there is one.
func (a *caller) ecosystems(ctx context.Context) []string {
	var doc struct {
		Ecosystems []struct {
			ID loose `json:"id"`
		} `json:"ecosystems"`
	}
	if a.small(ctx, pathEcosystems, &doc) != nil {
		return nil
	}
	var ids []string
	for _, e := range doc.Ecosystems[:min(len(doc.Ecosystems), maxScans)] {
		if e.ID != "" {
			ids = append(ids, string(e.ID))
		}
	}
	return ids
}
