package forward_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// twoTokens is a secret with a token for the query service.
const twoTokens = `{"token":"` + site.Token + `","query_token":"` + site.QueryToken + `"}`

// verifier makes a forwarder that may query by a secret.
func (r *rig) verifier(secret string, change func(*forward.Options)) *forward.Forwarder {
	o := r.Through(r.Store, r.Server.Client().Transport)
	options := forward.Options{
		Settings: o.Settings, Archive: o.Archive, Sender: o.Sender, Log: o.Log, Metrics: o.Metrics, Now: o.Now, Sleep: o.Sleep, NewID: o.NewID,
		Grail: r.Grail(secret), GrailBucket: grail.Bucket,
	}
	if change != nil {
		change(&options)
	}
	return forward.New(options)
}

// verify lets time pass, and verifies.
func (r *rig) verify(f *forward.Forwarder, later time.Duration) payload.VerifyAnswer {
	r.T.Helper()
	r.Clock.Advance(later)
	a, err := f.Verify(r.T.Context(), []byte(`{"action":"verify"}`))
	if err != nil {
		r.T.Fatal(err)
	}
	return a
}

// counted returns the last value of a metric; -1: there is none.
func (r *rig) counted(metric string) int {
	n := -1
	for _, m := range regexp.MustCompile(`"`+metric+`":(\d+)[,}]`).FindAllStringSubmatch(r.Metrics.String(), -1) {
		_, _ = fmt.Sscan(m[1], &n)
	}
	return n
}

// What Grail counts, and the state, metrics and words that follow, at verifications six
// minutes, one hour and two hours after the commit.
func TestArrival(t *testing.T) {
	t.Parallel()
	srv := site.StartS3(t)
	type look struct {
		state            string
		missing, doubled int64
		metric           [2]int // RowsMissing, RowsDoubled; -1: not published so far
		words            []string
	}
	none := [2]int{-1, -1}
	proven, short := archive.ArrivalProven, archive.ArrivalShort
	for name, c := range map[string]struct {
		before func(*rig) // the delivery
		after  func(*rig) // the delivery
		secret string
		looks  [3]look
	}{
		"all there": {looks: [3]look{{state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}}},
		"one in a hundred lost": {
			before: func(r *rig) { r.Receiver.SetIndexing(receiver.Indexing{LoseEvery: 100}) },
			looks: [3]look{
				{short, 2, 0, [2]int{0, 0}, []string{"2 of 201 rows are not there", "asked again at"}},
				{short, 2, 0, [2]int{0, 0}, []string{"2 of 201 rows are not there", "asked again at"}},
				{short, 2, 0, [2]int{2, 0}, []string{"2 of 201 rows are not there", "known causes: a pipeline"}},
			},
		},
		"one row twice": {
			before: func(r *rig) { r.Receiver.SetIndexing(receiver.Indexing{TwiceEvery: 201}) },
			looks: [3]look{
				{archive.ArrivalOver, 0, 1, [2]int{0, 0}, []string{"1 of the rows there is more than was sent"}},
				{archive.ArrivalOver, 0, 1, [2]int{0, 1}, []string{"1 of the rows there is more"}},
				{archive.ArrivalOver, 0, 1, [2]int{0, 1}, []string{"1 of the rows there is more"}},
			},
		},
		"no scan event": {
			before: func(r *rig) { r.Receiver.SetIndexing(receiver.Indexing{LoseScanEvents: true}) },
			looks: [3]look{
				{short, 0, 0, [2]int{0, 0}, []string{"the scan event is not there"}},
				{short, 0, 0, [2]int{0, 0}, []string{"the scan event is not there"}},
				{short, 0, 0, [2]int{1, 0}, []string{"the scan event is not there", "known causes"}},
			},
		},
		"indexing takes ten minutes": {
			before: func(r *rig) { r.Receiver.SetIndexing(receiver.Indexing{Delay: 10 * time.Minute}) },
			looks: [3]look{
				{short, 201, 0, [2]int{0, 0}, []string{"201 of 201 rows are not there", "asked again at"}},
				{state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}},
			},
		},
		"query slow": {
			before: func(r *rig) {
				r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken, Takes: 20 * time.Second})
			},
			looks: [3]look{{state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}},
		},
		"query too slow at first": {
			before: func(r *rig) { r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken, Takes: time.Hour}) },
			after:  func(r *rig) { r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken}) },
			looks: [3]look{
				{archive.ArrivalUnknown, 0, 0, none, []string{"the query was not answered in time"}},
				{state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}},
			},
		},
		"query refused": {
			before: func(r *rig) { r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken, Forbidden: true}) },
			looks: [3]look{
				{archive.ArrivalUnknown, 0, 0, none, []string{"403 Forbidden", "storage:security.events:read", "give the query token of the secret s"}},
				{archive.ArrivalUnknown, 0, 0, none, []string{"403"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"403"}},
			},
		},
		"token refused": {
			secret: `{"token":"` + site.Token + `","query_token":"dt0s16.PUBLIC.WRONG"}`,
			looks: [3]look{
				{archive.ArrivalUnknown, 0, 0, none, []string{"401 Unauthorized", `as "query_token" in the secret s`}},
				{archive.ArrivalUnknown, 0, 0, none, []string{"401"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"401"}},
			},
		},
		"rate limited": {
			before: func(r *rig) {
				n := 0
				r.SetInterceptQuery(func(w http.ResponseWriter, _ *http.Request) bool {
					n++
					if n < 3 {
						w.Header().Set("Retry-After", "7")
						site.Answer(w, http.StatusTooManyRequests)
					}
					return n < 3
				})
			},
			looks: [3]look{{state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}, {state: proven, metric: [2]int{0, 0}}},
		},
		"rate limited for long": {
			before: func(r *rig) {
				r.SetInterceptQuery(func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Retry-After", "3600")
					site.Answer(w, http.StatusTooManyRequests)
					return true
				})
			},
			looks: [3]look{{archive.ArrivalUnknown, 0, 0, none, []string{"429 Too Many Requests"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"429"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"429"}}},
		},
		"read limit reached": {
			before: func(r *rig) {
				r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken, OtherBytes: 200e9})
			},
			looks: [3]look{{archive.ArrivalUnknown, 0, 0, none, []string{"SCAN_LIMIT_GBYTES"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"no whole result"}}, {archive.ArrivalUnknown, 0, 0, none, []string{"no whole result"}}},
		},
		"no query token": {
			secret: site.Token,
			looks:  [3]look{{archive.ArrivalUnknown, 0, 0, none, nil}, {archive.ArrivalUnknown, 0, 0, none, nil}, {archive.ArrivalUnknown, 0, 0, none, nil}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigOn(t, srv, "arrival-"+strings.ReplaceAll(name, " ", "-"), nil)
			if c.before != nil {
				c.before(r)
			}
			if c.secret == "" {
				c.secret = twoTokens
			}
			f := r.verifier(c.secret, nil)
			k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 200, Passing: 1})
			if a := r.verify(f, 0); a.Asked != 0 {
				t.Errorf("before anything was delivered: %+v", a)
			}
			r.delivered(k, archive.DeliveryComplete)
			before := r.Document(k)
			if a := r.verify(f, time.Minute); a.Asked != 0 || c.secret == twoTokens && a.Later != 1 {
				t.Errorf("a minute later: %+v", a)
			}
			for i, later := range []time.Duration{5 * time.Minute, 54 * time.Minute, time.Hour} {
				r.verify(f, later)
				if i == 0 && c.after != nil {
					c.after(r)
				}
				d, want := r.Document(k), c.looks[i]
				a := d.Arrival
				if a.State != want.state || a.Expected != 201 || a.State != archive.ArrivalUnknown && a.Missing() != want.missing || a.Doubled != want.doubled {
					t.Errorf("look %d: %+v", i, a)
				}
				for _, w := range want.words {
					if !strings.Contains(a.Reason, w) {
						t.Errorf("look %d: %q does not say %q", i, a.Reason, w)
					}
				}
				if got := [2]int{r.counted("RowsMissing"), r.counted("RowsDoubled")}; got != want.metric {
					t.Errorf("look %d: metrics %v, want %v", i, got, want.metric)
				}
				if d.State != archive.DeliveryComplete || d.Generation != before.Generation || d.Reason != "" || d.Lease != nil {
					t.Errorf("look %d: the delivery is %s, %q", i, d.State, d.Reason)
				}
			}
			if strings.Contains(fmt.Sprintf("%+v %s", r.Document(k), r.Metrics.String()), "PRIVATE") {
				t.Error("the token is in what was written")
			}
		})
	}
}

// A query too slow is cancelled, and nothing of it is left behind.
func TestSlowQueryIsCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Receiver.SetQuerying(receiver.Querying{Token: site.QueryToken, Takes: time.Hour})
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 1}), archive.DeliveryComplete)
	a := r.verify(r.verifier(twoTokens, nil), 6*time.Minute)
	if s := r.Receiver.Stats(); s.Queries != 1 || s.Cancelled != 1 || a.Unknown != 1 || len(a.Reasons) != 1 {
		t.Errorf("%+v, %+v", s, a)
	}
}

// Scans that lie close in time are asked for by one query, which reads their rows and no
// others. No query asks about a settled commit.
func TestVerifyIsCheap(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	f := r.verifier(twoTokens, nil)
	for i := range 20 {
		r.delivered(r.Put(scan{System: fmt.Sprintf("vc-%d", i), Minute: 1, Failing: 10, Passing: 1}), archive.DeliveryComplete)
	}
	sent := r.Receiver.Stats().Bytes
	a := r.verify(f, 6*time.Minute)
	if a.Queries != 1 || a.Proven != 20 || a.Expected != 220 || a.Indexed != 220 || a.ScannedBytes > sent || a.ScannedBytes < sent*9/10 {
		t.Errorf("%+v; %d bytes were sent", a, sent)
	}
	r.Clock.Advance(40 * time.Minute) // another system, later
	r.delivered(r.Put(scan{System: "vc-later", Minute: 50, Failing: 1}), archive.DeliveryComplete)
	if a = r.verify(f, 20*time.Minute); a.Queries != 2 || a.Proven != 21 {
		t.Errorf("%+v", a)
	}
	m, err := r.Store.Verify(t.Context())
	if err != nil || len(m.Value.Settled) != 20 {
		t.Errorf("%d settled, %v", len(m.Value.Settled), err)
	}
	if a = r.verify(f, time.Hour); a.Queries != 1 || a.Proven != 1 {
		t.Errorf("%+v", a)
	}
	if a = r.verify(f, 30*time.Minute); a.Queries != 0 || a.Later != 0 || a.Next != "nothing: no scan waits for its proof" {
		t.Errorf("%+v", a)
	}
	// What it remembers only saves work.
	m, _ = r.Store.Verify(t.Context())
	m.Value = archive.Verify{}
	if err := store.Save(t.Context(), r.Store, &m); err != nil {
		t.Fatal(err)
	}
	if a = r.verify(f, 0); a.Queries != 0 {
		t.Errorf("%+v", a)
	}
}
