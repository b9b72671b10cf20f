package appliance

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
)

const (
	// maxScans bounds how many systems' results are captured in API v2.
	maxScans = 5
	// captureTime bounds one call of a capture.
	captureTime = 2 * time.Minute
	// answerTime is how long before the context's deadline a capture ends, so that it
	// can be answered; a quarter of the time left if that is less.
	answerTime = 5 * time.Second
)

// plainVersion and plainMedia match the versions and media types that may be shown. They
// match no name and no address.
var (
	plainVersion = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){0,4}$`)
	plainMedia   = regexp.MustCompile(`^(application|text)/(json|html|plain|xml|xhtml\+xml|problem\+json|octet-stream)$`)
)

// Recording is the answer to capture: how the appliance's API answers, without any value
// of its answers.
type Recording struct {
	// Collector and Appliance are their versions; empty if not known.
	Collector string `json:"collector"`
	Appliance string `json:"appliance"`
	API       string `json:"api"` // auto, v1 or v2, as set
	Calls     []Call `json:"calls"`
	// Next says what a person may do now.
	Next string `json:"next"`
}

// Call is one request to the appliance and its answer.
type Call struct {
	// Call is the method and the path, with {id} for a system's id.
	Call string `json:"call"`
	// Status is the HTTP status; 0: there was no answer.
	Status int `json:"status"`
	// ContentType is the media type, "other" if it is an unexpected one.
	ContentType string `json:"contentType"`
	// Bytes is how many bytes of the body were read, uncompressed.
	Bytes int64 `json:"bytes"`
	// Milliseconds is the time from the request to the end of reading.
	Milliseconds int64 `json:"ms"`
	// Note says why the shape is missing, or where the reading ended.
	Note string `json:"note,omitempty"`
	// Shape is the answer without its values; nil: the answer is not JSON, or there is
	// none.
	Shape *Shape `json:"shape,omitempty"`
}

// Capture makes each reading request that a run uses once, and reduces the answers to
// their shapes. It ends before the context does. An error means that no request could be
// made.
func (c *Client) Capture(ctx context.Context) (Recording, error) {
	if deadline, ok := ctx.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-min(answerTime, time.Until(deadline)/4)))
		defer cancel()
		ctx = limited
	}
	r := Recording{Collector: c.o.Version, API: c.o.API, Next: "attach this answer to the support case: it holds the API's shape and no values"}
	answered := false
	record := func(path, shown string) error {
		call, err := c.record(ctx, path)
		call.Call = "GET " + shown
		answered = answered || call.Status != 0
		r.Calls = append(r.Calls, call)
		return err
	}
	for _, path := range []string{pathInfo, pathInfo1, pathEcosystems, pathVCenters, pathLicences, pathDetected, pathResults, pathIssues} {
		if err := record(path, path); err != nil {
			return Recording{}, err
		}
	}
	shown := pathLatest + strconv.FormatBool(c.o.AllObjects)
	for _, id := range c.firstEcosystems(ctx) {
		if err := record(latestOf(id, c.o.AllObjects), shown); err != nil {
			return Recording{}, err
		}
	}
	if version := c.Info(ctx).Version; plainVersion.MatchString(version) {
		r.Appliance = version
	}
	if !answered {
		r.Next = `no call was answered: {"action":"check"} tells why`
	}
	return r, nil
}

// record makes one request and reduces its answer, whatever that is. An error means that
// no request can be made.
func (c *Client) record(ctx context.Context, path string) (Call, error) {
	ctx, cancel := context.WithTimeout(ctx, captureTime)
	defer cancel()
	began := time.Now()
	took := func() int64 { return time.Since(began).Milliseconds() }
	a, err := c.service.Do(ctx, endpoint.Request{Method: http.MethodGet, Path: path, Accept: "application/json"})
	if err != nil {
		return Call{}, err
	}
	defer a.Close()
	if a.Err != nil { // its text names the host
		return Call{Note: "no answer (" + string(fault.ClassOf(a.Why())) + ")", Milliseconds: took()}, nil
	}
	call := Call{Status: a.Status, ContentType: a.MediaType()}
	if !plainMedia.MatchString(call.ContentType) {
		call.ContentType = "other"
	}
	shape, n, err := Reduce(a)
	call.Bytes, call.Milliseconds = n, took()
	switch {
	case errors.Is(err, errNotJSON), n == 0:
		call.Note = "not JSON"
		return call, nil
	case errors.Is(err, errEnough), errors.Is(err, errLongText), errors.Is(err, errCut):
		call.Note = err.Error()
	case err != nil:
		call.Note = "the connection broke"
	}
	call.Shape = &shape
	return call, nil
}

// firstEcosystems returns the ids of the first few systems of API v2, if there
// is one.
func (c *Client) firstEcosystems(ctx context.Context) (ids []string) {
	list, err := (&v2{Client: c}).ecosystems(ctx)
	if err != nil {
		return nil
	}
	for _, e := range list {
		if e.ID != "" && len(ids) < maxScans {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
