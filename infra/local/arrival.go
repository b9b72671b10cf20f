package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/receiver"
)

// What the query service may do instead of answering.
const (
	queryRefused = "refused" // the token may not read
	querySlow    = "slow"    // 15 seconds
	queryLimited = "limited" // 429, for ever
	queryNone    = "none"    // the secret holds no token for it
)

// slowQuery is how long each query runs under querySlow.
const slowQuery = 15 * time.Second

// querying returns how the query service behaves, which accepts this token.
func (o options) querying(token string) receiver.Querying {
	q := receiver.Querying{Token: token, Forbidden: o.query == queryRefused}
	if o.query == querySlow {
		q.Takes = slowQuery
	}
	return q
}

// limited answers a query with 429 under queryLimited, and reports whether it has
// answered the request.
func (o options) limited(w http.ResponseWriter, r *http.Request) bool {
	if o.query != queryLimited || r.URL.Path != receiver.ExecutePath {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "3600")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = io.WriteString(w, `{"error":{"code":429,"message":"Too many requests.","retryAfterSeconds":3600}}`) // the asker may be gone
	return true
}

// verify asks the forwarder, without waiting, whether each scan of the run has
// arrived, and returns the sum of the answers.
func (s *stack) verify(ctx context.Context, show *display.Display, run string, all []delivery) (payload.VerifyAnswer, error) {
	show.Begin("verify")
	var sum payload.VerifyAnswer
	for _, d := range all {
		if !d.ofRun(run) {
			continue
		}
		request, err := json.Marshal(payload.VerifyRequest{Action: payload.Verify, Key: d.key})
		if err != nil {
			return sum, err
		}
		r, err := s.forwarder.Invoke(ctx, request)
		if err = errors.Join(err, r.Err()); err != nil {
			return sum, s.explain("forwarder", err)
		}
		var a payload.VerifyAnswer
		if err := json.Unmarshal(r.Payload, &a); err != nil {
			return sum, fmt.Errorf("read the forwarder's answer to %s: %w", request, err)
		}
		add(&sum, &a)
	}
	if sum.Asked == 0 {
		show.Done("nothing: %s", strings.Join(sum.Reasons, "; "))
	} else {
		show.Done("%d of %d scans proven", sum.Proven, sum.Asked)
	}
	return sum, nil
}

// add adds the answer a to the sum; each reason is kept once.
func add(sum, a *payload.VerifyAnswer) {
	sum.Asked += a.Asked
	sum.Proven += a.Proven
	sum.Short += a.Short
	sum.Over += a.Over
	sum.Unknown += a.Unknown
	sum.Expected += a.Expected
	sum.Indexed += a.Indexed
	sum.Missing += a.Missing
	sum.Doubled += a.Doubled
	sum.Queries += a.Queries
	sum.ScannedBytes += a.ScannedBytes
	sum.Attention = append(sum.Attention, a.Attention...)
	for _, reason := range a.Reasons {
		if !strings.Contains(strings.Join(sum.Reasons, "\n"), reason) {
			sum.Reasons = append(sum.Reasons, reason)
		}
	}
}

// listArrivals writes the states of arrival and the rows that Grail has of the scans.
func (v verdict) listArrivals(w io.Writer) {
	a := &v.arrivals
	if a.Asked > 0 {
		fmt.Fprintf(w, "arrival    %d proven, %d short, %d over, %d unknown   %s of %s rows, %s missing, %s doubled   %d queries read %s\n", a.Proven, a.Short, a.Over, a.Unknown,
			report.Thousands(a.Indexed), report.Thousands(a.Expected), report.Thousands(a.Missing), report.Thousands(a.Doubled), a.Queries, size(a.ScannedBytes))
	}
	for _, s := range a.Attention {
		fmt.Fprintf(w, "           %s: %s, %s\n", display.Shorten(s.System, nameLimit), s.State, s.Reason)
	}
	for _, reason := range a.Reasons {
		fmt.Fprintf(w, "arrival    unknown: %s\n", reason)
	}
}
