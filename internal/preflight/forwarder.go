package preflight

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/telemetry"
)

// Objects is what the forwarder's check needs of the bucket.
type Objects interface {
	// List gives the objects under a prefix whose keys sort after another key.
	List(ctx context.Context, prefix, after string) iter.Seq2[archive.RawInfo, error]
	// TryRead lists and reads under a prefix, and gives the key that was read, "" if there is none.
	TryRead(ctx context.Context, prefix string) (string, error)
	// TryWrite writes and deletes an object.
	TryWrite(ctx context.Context, key string) error
}

// Ingest is what a check needs of the client of the ingest; see
// openpipeline.Client.
type Ingest interface {
	// LookUp asks the environment about the token.
	LookUp(context.Context) (openpipeline.Token, error)
	// Scope is what the token needs.
	Scope() string
	// Send posts events.
	Send(ctx context.Context, body []byte, stop time.Time) openpipeline.Result
}

// ForwarderOptions are the forwarder's settings to prove; the URL is the full
// ingest address.
type ForwarderOptions struct {
	Common
	// URLNote says what was changed about the address given; may be empty.
	URLNote string
	// Archive is the bucket.
	Archive Objects
	// Connect makes a client of the ingest, within these limits.
	Connect func(endpoint.Credentials, endpoint.Options) Ingest
	// Metrics takes TokenDaysLeft and ChecksFailed; nil: nobody does.
	Metrics *telemetry.Metrics
	// NewID gives random UUIDs.
	NewID func() string
}

// Forwarder carries out the forwarder's check.
type Forwarder struct{ o ForwarderOptions }

// NewForwarder makes a Forwarder; it does not connect yet.
func NewForwarder(o ForwarderOptions) *Forwarder {
	o.Common = o.complete()
	return &Forwarder{o}
}

// Handle takes the payload {"action":"check"}, with "sendTestEvent":true if
// one marked event is to be sent, and answers with a Report.
func (f *Forwarder) Handle(ctx context.Context, payload jsontext.Value) (any, error) {
	var asked struct {
		Action        string `json:"action"`
		SendTestEvent bool   `json:"sendTestEvent"`
	}
	if err := json.Unmarshal(payload, &asked, json.RejectUnknownMembers(true)); err != nil {
		return nil, &fault.Error{Class: fault.Reject, Where: "payload", What: "cannot be understood: " + err.Error(),
			Cure: `send {"action":"check"} or {"action":"check","sendTestEvent":true}`}
	}
	return f.Check(ctx, asked.SendTestEvent), nil
}

// Check proves the settings, one step after the other, in a minute at most. It
// reads, writes nothing but delivery/check, which it deletes, and sends one
// event if that is asked for. The report is logged, too.
func (f *Forwarder) Check(ctx context.Context, sendTestEvent bool) Report {
	c := &forwarderCheck{Forwarder: f, route: f.o.route(), sendTestEvent: sendTestEvent}
	c.ingest = f.o.Connect(c.credentials, f.o.limits())
	defer c.hangUp()
	r := walk(ctx, c.steps()).concluded(`deliver what is archived with {"action":"sweep"}, which the schedule sends, too`)
	r.Write(ctx, f.o.Log)
	f.o.Metrics.Put(telemetry.Count("ChecksFailed", r.failures()))
	return r
}

// forwarderCheck is one check of the forwarder under way.
type forwarderCheck struct {
	*Forwarder
	route
	sendTestEvent bool
	ingest        Ingest
	scopes        []string // of the token; nil: not known
}

func (c *forwarderCheck) steps() []step {
	steps := []step{
		{"configuration", nil, one(c.configuration)},
		{"url", nil, one(c.address)},
		{"secret", nil, one(c.apiToken)},
		{"archive", nil, one(c.bucket)},
	}
	for _, a := range areas() {
		steps = append(steps, step{"archive " + a.prefix, []string{"archive"}, one(func(ctx context.Context) Row { return c.area(ctx, a) })})
	}
	return append(steps,
		step{"dns", nil, one(c.dns)},
		step{"tcp", []string{"dns"}, one(c.tcp)},
		step{"tls", []string{"tcp", "secret"}, one(c.tls)},
		step{"token", []string{"tls"}, one(c.token)},
		step{"scope", []string{"token"}, one(c.scope)},
		step{"test event", []string{"token"}, one(c.testEvent)},
	)
}

// configuration can only succeed: settings that cannot be used never get here.
func (c *forwarderCheck) configuration(context.Context) Row {
	return ok(fmt.Sprintf("ingest %s, archive %s, version %s", c.URL, c.Bucket, c.Version))
}

// Paths of the ingest of security events, below what leads to the environment
// (Dynatrace docs, OpenPipeline ingest API). The older ones were to be gone by
// the end of 2025.
const (
	ingestRoot   = openpipeline.IngestRoot
	builtIn      = ingestRoot + "v1/security.events"
	custom       = ingestRoot + "custom/security.events/"
	olderBuiltIn = ingestRoot + "v1/events.security"
	olderCustom  = ingestRoot + "custom/events.security/"
)

// address looks at the form of the ingest address.
func (c *forwarderCheck) address(context.Context) Row {
	environment, rest, _ := strings.Cut(c.URL.Path, ingestRoot)
	path, host := ingestRoot+rest, c.URL.Scheme+"://"+c.URL.Host+environment
	switch {
	case path == olderBuiltIn, strings.HasPrefix(path, olderCustom):
		return warning(c.URL.String()+" is the older address, which Dynatrace is going to remove", "set OPENPIPELINE_URL to "+host+builtIn+", or to the custom endpoint's new address")
	case path != builtIn && !strings.HasPrefix(path, custom):
		return bad(c.URL.String()+" is not an ingest of security events", "set OPENPIPELINE_URL to "+host)
	case c.o.URLNote != "":
		return warning(c.o.URLNote, "set OPENPIPELINE_URL to "+host)
	}
	return ok(c.URL.String())
}

// apiToken reads the credential anew, and looks at the form of its token.
func (c *forwarderCheck) apiToken(ctx context.Context) Row {
	row := c.secret(ctx)
	if row.State == OK && !c.cred.Token.HasPrefix("dt0c01.") {
		return warning(row.Detail+", which does not begin with dt0c01.", "store an access token of the environment, neither a platform token nor an OAuth client's; only very old ones have no prefix")
	}
	return row
}
