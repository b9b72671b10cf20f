// Package ingestcheck checks the forwarder's way to Dynatrace and the archive, step by
// step. It promises what package preflight says of every check.
package ingestcheck

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/telemetry"
)

// Objects is what the forwarder's check needs of the bucket.
type Objects interface {
	// List returns the objects under a prefix whose keys sort after another key.
	List(ctx context.Context, prefix, after string) iter.Seq2[archive.RawInfo, error]
	// TryRead lists under a prefix and reads one object, and returns its key, "" if there
	// is no object.
	TryRead(ctx context.Context, prefix string) (string, error)
	// TryWrite writes an object and deletes it.
	TryWrite(ctx context.Context, key string) error
}

// Ingest is what a check needs of the client of the ingest; see
// openpipeline.Client.
type Ingest interface {
	// LookUp asks the environment for the scopes and the expiry of an access token.
	LookUp(context.Context) (openpipeline.Token, error)
	// Knock posts an empty list of events to the ingest, and returns the status of the
	// answer and the kind of the token that was used.
	Knock(context.Context) (status int, kind openpipeline.Kind, err error)
	// Scope returns the scope or permission that a token of a kind needs.
	Scope(openpipeline.Kind) string
	// Wanted names the tokens that the ingest takes, as part of a cure.
	Wanted() string
	// Send posts events.
	Send(ctx context.Context, body []byte, stop time.Time) openpipeline.Result
	// HangUp closes idle connections.
	HangUp()
}

// Notices is what a check needs of the event bus; see eventbus.Bus.
type Notices interface {
	// Try returns an error if notices cannot be put onto the bus; it puts none there.
	Try(ctx context.Context) error
}

// Query is what a check needs of the client of the query service; see
// grail.Client.
type Query interface {
	// Ready returns an error if there is no token that may query.
	Ready(ctx context.Context) error
	// Count returns how many rows of scans are in Grail; it waits until stop at most.
	Count(ctx context.Context, s grail.Scans, stop time.Time) (grail.Counted, error)
	// Host returns the host of the query service.
	Host() string
	// HangUp closes idle connections.
	HangUp()
}

// Options are the forwarder's settings to prove; the URL is the full
// ingest address.
type Options struct {
	preflight.Settings
	// URLNote says how the URL differs from the address that was set; may be empty.
	URLNote string
	// Archive is the bucket.
	Archive Objects
	// Connect makes a client of the ingest with these limits.
	Connect func(endpoint.Credentials, endpoint.Options) Ingest
	// Query makes a client of the query service with these limits; nil: the address of
	// the service is not known.
	Query func(endpoint.Options) Query
	// Notices is the event bus; nil: no notices are sent.
	Notices Notices
	// Metrics takes TokenDaysLeft and ChecksFailed; nil: none are written.
	Metrics *telemetry.Metrics
	// NewID returns random UUIDs.
	NewID func() string
}

// Checker carries out the forwarder's check.
type Checker struct{ o Options }

// New makes a Checker; it does not connect yet.
func New(o Options) *Checker {
	o.Settings = o.Complete()
	return &Checker{o}
}

// Handle takes the payload {"action":"check"}, with "sendTestEvent":true if
// one marked event is to be sent, and answers with a Report.
func (k *Checker) Handle(ctx context.Context, text jsontext.Value) (any, error) {
	asked, err := payload.ParseCheck(text)
	if err != nil {
		return nil, err
	}
	return k.Check(ctx, asked.SendTestEvent), nil
}

// Check proves the settings, one step after the other, in a minute at most, and logs the
// report. It writes nothing but delivery/check, which it deletes; a crash between the two
// leaves this object, which nothing needs. It sends an empty list of events if the
// token cannot be looked up, and one event if sendTestEvent is set.
func (k *Checker) Check(ctx context.Context, sendTestEvent bool) preflight.Report {
	c := &check{Checker: k, Route: k.o.Route(), sendTestEvent: sendTestEvent}
	defer c.HangUp()
	c.ingest = k.o.Connect(c.Credentials, k.o.Limits())
	defer c.ingest.HangUp()
	r := preflight.Walk(ctx, k.o.Log, c.steps(), `deliver what is archived with {"action":"sweep"}, which the schedule sends, too`)
	k.o.Metrics.Put(telemetry.Count("ChecksFailed", r.Failures()))
	return r
}

// check is one check of the forwarder under way.
type check struct {
	*Checker
	preflight.Route
	sendTestEvent bool
	ingest        Ingest
	platform      bool     // the token is a platform token
	scopes        []string // of the token; nil: not known
}

// steps returns the steps of the check, in their order.
func (c *check) steps() []preflight.Step {
	steps := []preflight.Step{
		preflight.Single("configuration", c.configuration),
		{Name: "network", Prove: c.Network},
		preflight.Single("url", c.address),
		preflight.Single("secret", c.apiToken),
		preflight.Single("archive", c.bucket),
	}
	for _, a := range areas() {
		steps = append(steps, preflight.Single("archive "+a.prefix, func(ctx context.Context) preflight.Row { return c.area(ctx, a) }, "archive"))
	}
	return append(steps,
		preflight.Single("dns", c.DNS),
		preflight.Single("tcp", c.TCP, "dns"),
		preflight.Single("tls", c.TLS, "tcp", "secret"),
		preflight.Single("token", c.token, "tls"),
		preflight.Single("scope", c.scope, "token"),
		preflight.Single("test event", c.testEvent, "token"),
		preflight.Single("query", c.query),
		preflight.Single("notices", c.notices),
	)
}

// notices proves the way to the event bus. It cannot see whether the topic takes what the
// bus passes on; the template has an alarm for that.
func (c *check) notices(ctx context.Context) preflight.Row {
	if c.o.Notices == nil {
		return preflight.Passed("off: no notice topic is set")
	}
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	err := c.o.Notices.Try(limited)
	switch {
	case err != nil && limited.Err() != nil:
		return preflight.Fail("EventBridge did not answer in time", "give the function a way to it: in a VPC an interface endpoint com.amazonaws."+c.o.Region+".events")
	case err != nil:
		return preflight.FailedBy(err)
	}
	return preflight.Passed("the default event bus would take them")
}

// configuration shows the settings. It cannot fail, since settings with faults never get
// here.
func (c *check) configuration(context.Context) preflight.Row {
	return preflight.Passed(fmt.Sprintf("ingest %s, archive %s, version %s", c.URL, c.Bucket, c.Version))
}

// Paths of the ingest of security events, behind the path of the environment (Dynatrace
// docs, OpenPipeline ingest API). Dynatrace announced the removal of the older ones for the
// end of 2025.
const (
	ingestRoot   = openpipeline.IngestRoot
	builtIn      = ingestRoot + "v1/security.events"
	custom       = ingestRoot + "custom/security.events/"
	olderBuiltIn = ingestRoot + "v1/events.security"
	olderCustom  = ingestRoot + "custom/events.security/"
)

// address checks the form of the ingest address.
func (c *check) address(context.Context) preflight.Row {
	environment, rest, _ := strings.Cut(c.URL.Path, ingestRoot)
	path, host := ingestRoot+rest, c.URL.Scheme+"://"+c.URL.Host+environment
	switch {
	case path == olderBuiltIn, strings.HasPrefix(path, olderCustom):
		return preflight.Warn(c.URL.String()+" is the older address, which Dynatrace is going to remove", "set OPENPIPELINE_URL to "+host+builtIn+", or to the custom endpoint's new address")
	case path != builtIn && !strings.HasPrefix(path, custom):
		return preflight.Fail(c.URL.String()+" is not an ingest of security events", "set OPENPIPELINE_URL to "+host)
	case c.o.URLNote != "":
		return preflight.Warn(c.o.URLNote, "set OPENPIPELINE_URL to "+host)
	}
	return preflight.Passed(c.URL.String())
}

// apiToken reads the secret, and checks the form of the token.
func (c *check) apiToken(ctx context.Context) preflight.Row {
	row := c.Secret(ctx)
	if row.State != preflight.OK {
		return row
	}
	kind := openpipeline.KindOf(c.Cred.Token)
	if kind == openpipeline.OtherToken {
		return preflight.Warn(row.Detail+", which begins with neither dt0c01. nor dt0s16.",
			"store "+c.ingest.Wanted()+", not an OAuth client's secret; only very old access tokens begin otherwise")
	}
	row.Detail += "; it is of the kind " + string(kind)
	return row
}
