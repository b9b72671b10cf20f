// Package grail is the client of Dynatrace's query service. It promises that a result
// is whole or an error, that a query which takes too long is cancelled, that the error
// about a refusal names the cure, and that the token goes to the configured address and
// nowhere else.
package grail

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// Paths of the query service (@dynatrace-sdk/client-query 1.23.1, class
// QueryExecutionClient).
const (
	root        = "/platform/storage/query/v1/query:"
	pathExecute = root + "execute"
	pathPoll    = root + "poll"
	pathCancel  = root + "cancel"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes: enough for maxRecords.
	maxAnswer = 4 << 20
	// maxRecords bounds the records of a result. It is Grail's own default.
	maxRecords = 1000
	// maxScanned bounds what one query may read, in GB, so that a mistake in a query
	// does not cost much.
	maxScanned = 100
	// wait is how long the service may hold one request while the query runs.
	wait = 10 * time.Second
	// firstWait and mostWait bound the waits after a refusal that may pass by itself.
	firstWait, mostWait = time.Second, 30 * time.Second
	// pollWait bounds the wait between two requests for the result of a running query.
	pollWait = 4 * time.Second
	// cancelTime bounds the request that cancels a query.
	cancelTime = 5 * time.Second
)

// Options are the address of the environment, and how the query service is called. The
// credentials are those of secret.NewQueryCache.
type Options = endpoint.Settings

// Client asks the query service of one environment. It is safe for concurrent use.
type Client struct {
	service     *endpoint.Service
	credentials endpoint.Credentials
}

// New makes a client; it does not connect yet. The token is sent with the scheme Bearer,
// as platform tokens are (Dynatrace docs, Platform tokens); no other token may query.
func New(o Options) *Client {
	o.Scheme = func(secret.Value) string { return "Bearer" }
	return &Client{endpoint.New(o), o.Credentials}
}

// Ready returns an error if there is no token to query with: the secret cannot be used,
// or holds no token that may query (secret.ErrNoQueryToken).
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.credentials.Get(ctx)
	return err
}

// HangUp closes the connections that no request uses.
func (c *Client) HangUp() { c.service.HangUp() }

// Host returns the host of the query service.
func (c *Client) Host() string { return c.service.Host() }

// Result is the answer to a query.
type Result struct {
	// Records are JSON objects. A DQL long comes as a string, a double as a number.
	Records []jsontext.Value
	// ScannedBytes and ScannedRecords are how much Grail read for the result.
	ScannedBytes, ScannedRecords int64
}

// request is the body of query:execute, with the members that are used here.
type request struct {
	Query            string `json:"query"`
	MaxResultRecords int    `json:"maxResultRecords"`
	ScanLimit        int    `json:"defaultScanLimitGbytes"`
	RequestTimeout   int64  `json:"requestTimeoutMilliseconds"`
	Timezone         string `json:"timezone"`
}

// reply is the answer to query:execute and query:poll.
type reply struct {
	State        string `json:"state"`
	RequestToken string `json:"requestToken"`
	Result       *struct {
		Records  []jsontext.Value `json:"records"`
		Metadata struct {
			Grail struct {
				ScannedBytes   int64          `json:"scannedBytes"`
				ScannedRecords int64          `json:"scannedRecords"`
				Sampled        bool           `json:"sampled"`
				Notifications  []notification `json:"notifications"`
			} `json:"grail"`
		} `json:"metadata"`
	} `json:"result"`
}

type notification struct {
	Severity string `json:"severity"`
	Type     string `json:"notificationType"`
	Message  string `json:"message"`
}

// Ask executes a query in DQL, and waits for the result until stop. An error is a fault:
// of class auth if the token was refused or lacks a right, config if the address or the
// query is wrong, retry if there was no whole result in time; or the error of the
// credentials.
func (c *Client) Ask(ctx context.Context, query string, stop time.Time) (Result, error) {
	body, err := json.Marshal(request{query, maxRecords, maxScanned, wait.Milliseconds(), "UTC"})
	if err != nil {
		return Result{}, fmt.Errorf("write the query: %w", err)
	}
	token := ""
	refusals := c.service.Waits(endpoint.Backoff{First: firstWait, Most: mostWait, Stop: stop})
	polls := c.service.Waits(endpoint.Backoff{First: firstWait, Most: pollWait, Stop: stop})
	for {
		ask := endpoint.Request{Method: http.MethodPost, Path: pathExecute, Accept: "application/json", Stop: stop, Body: func(secret.Value) []byte { return body }}
		if token != "" {
			ask = endpoint.Request{Method: http.MethodGet, Path: fmt.Sprintf("%s?request-token=%s&request-timeout-milliseconds=%d", pathPoll, url.QueryEscape(token), wait.Milliseconds()),
				Accept: "application/json", Stop: stop}
		}
		r, asked, err := c.once(ctx, ask)
		waits := refusals
		switch {
		case err == nil && r.running():
			if r.RequestToken != "" {
				token = r.RequestToken
			}
			waits, asked, err = polls, 0, stillRunning(c.Host())
			if token == "" {
				return Result{}, foreign(c.Host(), "it names no token to ask for the result by")
			}
		case err == nil:
			return c.result(r)
		case fault.ClassOf(err) != fault.Retry:
			return Result{}, err
		}
		if !waits.Next(ctx, asked) {
			c.cancel(ctx, token)
			return Result{}, err
		}
	}
}

// once makes one request. With an error of class retry it also returns how long the
// service asks to wait; 0: it does not ask.
func (c *Client) once(ctx context.Context, ask endpoint.Request) (reply, time.Duration, error) {
	a, err := c.service.Do(ctx, ask)
	if err != nil {
		return reply{}, 0, err
	}
	defer a.Close()
	if a.Status == 0 {
		return reply{}, 0, a.Why()
	}
	text, err := io.ReadAll(io.LimitReader(a, maxAnswer))
	switch {
	case a.Status != http.StatusOK && a.Status != http.StatusAccepted:
		return reply{}, a.RetryAfter, refused(a, text)
	case err != nil:
		return reply{}, 0, &fault.Error{Class: fault.Retry, Where: a.Host(), What: "the answer to a query broke off", Err: err}
	case a.Page():
		return reply{}, 0, foreign(a.Host(), "it is a page for people")
	}
	var r reply
	if err := json.Unmarshal(text, &r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return reply{}, 0, foreign(a.Host(), "it is not the JSON that is documented")
	}
	return r, 0, nil
}

// running reports whether the query has no result yet.
func (r *reply) running() bool { return r.State == "RUNNING" || r.State == "NOT_STARTED" }

// stillRunning is the error about a query that did not end in time.
func stillRunning(host string) error {
	return &fault.Error{Class: fault.Retry, Where: host, What: "the query was not answered in time", Cure: "none is needed: it is asked again"}
}

// foreign is the error about an answer that is not the query service's.
func foreign(host, what string) error {
	return &fault.Error{Class: fault.Config, Where: host, What: "the answer is not that of Dynatrace's query service: " + what,
		Cure: "set GRAIL_URL to https://<environment>.apps.dynatrace.com"}
}

// result returns the result of a query that has ended. One that is not whole is an error
// of class retry.
func (c *Client) result(r reply) (Result, error) {
	partial := func(what string) error {
		return &fault.Error{Class: fault.Retry, Where: c.Host(), What: "the query has no whole result: " + what, Cure: "none is needed: it is asked again"}
	}
	if r.State != "SUCCEEDED" || r.Result == nil {
		return Result{}, partial("its state is " + r.State)
	}
	g := &r.Result.Metadata.Grail
	for _, n := range g.Notifications {
		if cuts(n) {
			return Result{}, partial(n.Type + ", " + n.Message)
		}
	}
	if g.Sampled {
		return Result{}, partial("it is made of a sample")
	}
	return Result{r.Result.Records, g.ScannedBytes, g.ScannedRecords}, nil
}

// cuts reports whether a notification means that Grail did not read everything. Any
// warning counts: those about limits have types as SCAN_LIMIT_GBYTES,
// RESULT_LIMIT_RECORDS, FETCH_TIMEOUT and QUERY_CONSUMPTION_LIMIT.
func cuts(n notification) bool { return n.Severity != "INFO" && n.Severity != "" }

// cancel cancels a query that nobody waits for any more. An error is ignored, since
// Grail ends the query by itself in the end.
func (c *Client) cancel(ctx context.Context, token string) {
	if token == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	if a, err := c.service.Do(ctx, endpoint.Request{Method: http.MethodPost, Path: pathCancel + "?request-token=" + url.QueryEscape(token)}); err == nil {
		a.Discard()
	}
}
