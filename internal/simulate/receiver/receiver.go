// Package receiver simulates Dynatrace OpenPipeline's built-in ingest of
// security events, the look-up of the token for it, and Grail's query service as
// far as the product's own query needs it. It promises to refuse what OpenPipeline
// is documented to refuse, to drop silently what OpenPipeline drops silently, to keep
// accepted events for the dashboard, and to count those that are accepted but would
// make the dashboard wrong.
package receiver

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/dashboard"
)

// Path is where OpenPipeline's built-in endpoint takes security events.
const Path = "/platform/ingest/v1/security.events"

const (
	defaultMaxBytes = 10_000_000
	oldest          = 24 * time.Hour   // older events are accepted, and dropped
	furthest        = 10 * time.Minute // later events are set to this far ahead
)

// Options of a Receiver.
type Options struct {
	// Token is the only one accepted, by the scheme of its kind: a platform token
	// (dt0s16.…) as Bearer, any other as Api-Token.
	Token string
	// TokenState says whether Token is valid, and what it may do.
	TokenState TokenState
	// Now is the clock; default time.Now.
	Now func() time.Time
	// MaxBytes is the largest body of an ingest request; default 10,000,000.
	MaxBytes int64
	// Intercept, if set, sees every request first, and reports whether it has
	// answered. To accept a request and lose its answer, it calls Receiver.Ingest with
	// a recorder, and drops what was recorded.
	Intercept func(http.ResponseWriter, *http.Request) bool
	// Inspect, if set, returns faults of an event in addition to those that the
	// receiver itself looks for; Stats counts them with the shape errors.
	Inspect func(event []byte) []string
	// Indexing says what happens to accepted events; with the zero value all are
	// stored, once and at once.
	Indexing Indexing
	// Querying says how the query service behaves.
	Querying Querying
	// KeepRaw is how many accepted events are kept as they were sent, the first ones.
	KeepRaw int
}

// Receiver is the endpoint as an http.Handler, without TLS; safe for
// concurrent use.
type Receiver struct {
	options Options

	mu       sync.Mutex
	events   []dashboard.Event
	stored   []stored // one for each of events
	queries  map[string]query
	raw      []jsontext.Value
	stats    Stats
	texts    dashboard.Pool
	ids      map[dashboard.Text]struct{}
	findings map[scanFinding]struct{}
	commits  map[scanSystem]struct{}
	// findingsKept counts the findings that were accepted, for Indexing.
	findingsKept int
}

type scanFinding struct{ scan, finding dashboard.Text }

type scanSystem struct{ scan, system dashboard.Text }

// New makes a Receiver that has seen nothing.
func New(o Options) *Receiver {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultMaxBytes)
	return &Receiver{
		options:  o,
		stats:    Stats{Events: map[string]int{}, Refused: map[int]int{}},
		queries:  map[string]query{},
		ids:      map[dashboard.Text]struct{}{},
		findings: map[scanFinding]struct{}{},
		commits:  map[scanSystem]struct{}{},
	}
}

// ServeHTTP answers as OpenPipeline does, unless Intercept does.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	intercepted := r.options.Intercept != nil && r.options.Intercept(w, req)
	r.countRequest(intercepted)
	switch {
	case intercepted:
	case req.URL.Path == LookupPath:
		r.lookup(w, req)
	case strings.HasPrefix(req.URL.Path, QueryRoot):
		r.Query(w, req)
	default:
		r.Ingest(w, req)
	}
}

// Ingest answers an ingest request without asking Intercept: with 202 and an empty
// body, or with an error envelope. After an error no event of the request is accepted.
func (r *Receiver) Ingest(w http.ResponseWriter, req *http.Request) {
	b, no := r.read(req)
	if no != nil {
		// Without this, a sender that is still writing would see a reset, not the answer.
		_, _ = io.CopyN(io.Discard, req.Body, 4*r.options.MaxBytes)
		r.countRefusal(no.status)
		no.write(w)
		return
	}
	r.accept(b)
	w.WriteHeader(http.StatusAccepted)
}

// Events returns the events that were accepted and not dropped, in order of arrival.
// The slice is shared, and must not be changed.
func (r *Receiver) Events() []dashboard.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.events)
}

// Raw returns the first accepted events as they were sent, up to Options.KeepRaw.
func (r *Receiver) Raw() []jsontext.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.raw)
}

// Tiles returns what the dashboard shows now.
func (r *Receiver) Tiles() dashboard.Tiles { return dashboard.Compute(r.Events()) }

// Stats returns the counts so far.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Events, s.Refused, s.Examples = maps.Clone(s.Events), maps.Clone(s.Refused), slices.Clone(s.Examples)
	return s
}

// refusal is an answer other than 202.
type refusal struct {
	status  int
	message string
	// details are those of the query service; nil: none.
	details map[string]any
}

// refuse returns a refusal without details.
func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, message: fmt.Sprintf(format, args...)}
}

// write sends the documented ErrorResponseEnvelope.
func (n *refusal) write(w http.ResponseWriter) {
	var envelope struct {
		Error struct {
			Code    int            `json:"code"`
			Message string         `json:"message"`
			Details map[string]any `json:"details,omitzero"`
		} `json:"error"`
	}
	envelope.Error.Code, envelope.Error.Message, envelope.Error.Details = n.status, n.message, n.details
	if n.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(n.status)
	_ = json.MarshalWrite(w, envelope, jsontext.AllowInvalidUTF8(true)) // the sender may be gone
}

// read checks a request and decodes its events; it changes nothing.
func (r *Receiver) read(req *http.Request) (batch, *refusal) {
	if no := r.checkHeader(req); no != nil {
		return batch{}, no
	}
	limit := r.options.MaxBytes
	body := &io.LimitedReader{R: req.Body, N: limit + 1}
	b, err := decode(body, r.options.Now(), &r.options)
	switch {
	case body.N == 0:
		return batch{}, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", limit)
	case err != nil:
		return batch{}, refuse(http.StatusBadRequest, "%v", err)
	}
	b.bytes = limit + 1 - body.N
	b.parameters = len(req.URL.Query())
	return b, nil
}

func (r *Receiver) checkHeader(req *http.Request) *refusal {
	if req.URL.Path != Path {
		return refuse(http.StatusNotFound, "no endpoint at %s", req.URL.Path)
	}
	if req.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "method %s is not allowed", req.Method)
	}
	if no := r.authenticate(req); no != nil {
		return no
	}
	if token := r.token(); !slices.Contains(r.options.TokenState.scopes(token), ingestScope(token)) {
		return refuse(http.StatusForbidden, "the token lacks %s", ingestScope(token))
	}
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the content type must be application/json")
	}
	// No document allows compression at this endpoint, so no sender may rely on it.
	if encoding := req.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return refuse(http.StatusBadRequest, "the content encoding %q is not supported", encoding)
	}
	return nil
}
