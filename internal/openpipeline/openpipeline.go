// Package openpipeline sends events to Dynatrace's security-events ingest. It
// promises to tell apart what was accepted, what was refused for sure and what
// is in doubt, and never to repeat by itself a request that is in doubt. The
// token goes to the one address configured and nowhere else.
package openpipeline

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/endpoint"
)

const (
	// IngestRoot stands in the path of an ingest, behind what leads to the
	// environment (Dynatrace docs, OpenPipeline ingest API).
	IngestRoot = "/platform/ingest/"

	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 4 << 10
	// maxDetail bounds what is kept of an answer's message, in bytes.
	maxDetail = 200
)

// Options are where the ingest is, by its full address, and how it is asked.
// The token is an access token or a platform token; see Client.Scope.
type Options = endpoint.Settings

// Client sends to one ingest address. It is safe for concurrent use.
type Client struct {
	service *endpoint.Service // the environment
	ingest  string            // the ingest's path there
}

// New makes a client; how a token is named to Dynatrace is its own matter.
func New(o Options) *Client {
	environment := *o.URL
	environment.Path, _, _ = strings.Cut(o.URL.Path, IngestRoot)
	environment.RawPath = ""
	ingest := strings.TrimPrefix(o.URL.EscapedPath(), environment.EscapedPath())
	o.URL, o.Scheme = &environment, scheme
	return &Client{endpoint.New(o), ingest}
}

// HangUp closes the connections that no request uses.
func (c *Client) HangUp() { c.service.HangUp() }

// answer is what became of one request.
type answer struct {
	*endpoint.Answer
	// enveloped: the body was Dynatrace's error envelope.
	enveloped bool
	// empty: the answer had no body, as Dynatrace's to what it takes. broken: that
	// is not known, since it did not come to its end.
	empty, broken bool
	// detail is the envelope's message, cut.
	detail string
}

// post makes one request, and a second one where the token was rotated. An
// error means that there was none.
func (c *Client) post(ctx context.Context, body func() endpoint.Content, stop time.Time) (answer, error) {
	got, err := c.service.Do(ctx, endpoint.Request{
		Method: http.MethodPost, Path: c.ingest, Stop: stop, Content: body,
	})
	if err != nil {
		return answer{}, err
	}
	defer got.Close()
	a := answer{Answer: got}
	reply, broken := io.ReadAll(io.LimitReader(got, maxAnswer)) // of most answers the status says all
	a.empty, a.broken = len(reply) == 0, broken != nil
	a.enveloped, a.detail = envelope(reply)
	a.detail = got.Quote(a.detail, maxDetail)
	return a, nil
}

// envelope reads an ErrorResponseEnvelope ({"error":{"code":…,"message":…}}).
// Only "error" with a code is documented, so the rest is read leniently.
func envelope(text []byte) (ok bool, message string) {
	var e struct {
		Error struct {
			Code    int64  `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Error.Code == 0 {
		return false, ""
	}
	return true, e.Error.Message
}
