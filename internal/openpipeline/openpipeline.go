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
	// IngestRoot is how the path of an ingest begins, after the environment's address
	// (Dynatrace docs, OpenPipeline ingest API).
	IngestRoot = "/platform/ingest/"

	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 4 << 10
	// maxDetail bounds what is kept of an answer's message, in bytes.
	maxDetail = 200
)

// Options are the settings of a client. URL is the full address of the ingest. New sets
// Scheme. The token is an access token or a platform token; see Client.Scope.
type Options = endpoint.Settings

// Client sends to one ingest address. It is safe for concurrent use.
type Client struct {
	service *endpoint.Service // the environment
	ingest  string            // the ingest's path there
}

// New returns a client. It splits the address into the environment's and the path of the
// ingest, and chooses the word before the token by the token's kind.
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
	// empty: no byte of a body came, as when Dynatrace accepts events. broken: the
	// answer broke off, so it may have had more of a body.
	empty, broken bool
	// detail is the envelope's message, at most maxDetail bytes.
	detail string
}

// post makes one request, and a second one if the token was rotated. An error means
// that no request was made.
func (c *Client) post(ctx context.Context, body func() endpoint.Content, stop time.Time) (answer, error) {
	got, err := c.service.Do(ctx, endpoint.Request{
		Method: http.MethodPost, Path: c.ingest, Stop: stop, Content: body,
	})
	if err != nil {
		return answer{}, err
	}
	defer got.Close()
	a := answer{Answer: got}
	reply, broken := io.ReadAll(io.LimitReader(got, maxAnswer)) // a longer answer is decided by its status
	a.empty, a.broken = len(reply) == 0, broken != nil
	a.enveloped, a.detail = envelope(reply)
	a.detail = got.Quote(a.detail, maxDetail)
	return a, nil
}

// envelope reads an ErrorResponseEnvelope ({"error":{"code":…,"message":…}}), and
// reports whether text is one. Only "error" with a code is documented, so other members
// may be missing.
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
