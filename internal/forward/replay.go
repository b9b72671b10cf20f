package forward

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/store"
)

// Replay sends archived scans again, each in a new generation; the dashboard shows a
// generation when it is complete. If the invocation's time does not suffice for all,
// the answer's cursor lets the next call go on. A request that cannot be followed is a
// fault of class reject; any other error names the cursor in its text, since Lambda
// does not return an answer together with an error.
func (f *Forwarder) Replay(ctx context.Context, text jsontext.Value) (payload.ReplayAnswer, error) {
	a := payload.ReplayAnswer{DeliveryAnswer: payload.DeliveryAnswer{Reasons: []string{}}}
	req, err := payload.ParseReplay(text)
	if err != nil {
		return a, err
	}
	win := deliver.WindowOf(ctx, f.o.Now())
	chosen, err := f.chosen(ctx, &req, win)
	if err != nil {
		return a, err
	}
	a.Selected = len(chosen)
	r := &replay{f: f, req: &req, win: win, answer: &a, request: f.replayRequest(ctx, &req)}
	err = r.run(ctx, chosen)
	a.Next = r.advice()
	if err != nil { // Lambda returns the error alone, without the answer
		err = fmt.Errorf("replay, which goes on with \"next\":%q: %w", a.Cursor, err)
	}
	return a, err
}

// replay is one call of a replay under way.
type replay struct {
	f       *Forwarder
	req     *payload.ReplayRequest
	win     deliver.Window
	request deliver.Request
	answer  *payload.ReplayAnswer
	// next is where the next call goes on; nil: nothing is left.
	next *cursor
}

// replayed says how one of the chosen scans ended in this call.
type replayed int

const (
	replayedDone   replayed = iota
	replayedLater           // it is left to the next call; this call goes on with the scans after it
	replayedNoMore          // it and all scans after it are left to the next call
)

// run goes through the chosen scans. The next call begins with the first scan that is
// left. Scans after it that this call has sent are not sent again, since their delivery
// documents hold the replay's id.
func (r *replay) run(ctx context.Context, chosen map[string]choice) error {
	do := r.send
	if r.req.DryRun {
		r.answer.DryRun = &payload.DryRun{}
		do = r.dryRun
	}
	position := parseCursor(r.req.Next).position
	var failed error
	for i, part := range behind(position, chosen) {
		if r.req.Limit > 0 && i == r.req.Limit {
			r.leave(position)
			break
		}
		went, err := do(ctx, chosen[part])
		failed = errors.Join(failed, err)
		if went != replayedDone {
			r.leave(position)
		}
		if went == replayedNoMore {
			break
		}
		position = part
	}
	if r.next != nil {
		if r.request.Rate != nil {
			r.next.pacedUntil = r.request.Rate.Until()
		}
		r.answer.Cursor = r.next.String()
	}
	return failed
}

// leave records that a scan is left, and that the next call goes on after a position.
// Only the first call of leave counts.
func (r *replay) leave(position string) {
	if r.next == nil {
		r.next = &cursor{id: r.request.JobID, position: position}
	}
}

// newest delivers the newest of a system's chosen scans: the first one that is not older
// than the committed scan. If all are older, it returns the outcome of the last.
func (r *replay) newest(ctx context.Context, by *deliver.Deliverer, c choice) (out deliver.Outcome, key string, err error) {
	for _, key = range c {
		if out, err = by.Deliver(ctx, key, r.win, r.request); out.State != deliver.StateOlder {
			break
		}
	}
	return out, key, err
}

// send replays the newest of a system's scans.
func (r *replay) send(ctx context.Context, c choice) (replayed, error) {
	out, key, err := r.newest(ctx, r.f.deliverer, c)
	if out.State == deliver.StateOlder {
		r.answer.Objects++
		r.answer.Older++
		r.answer.Reasons = append(r.answer.Reasons, c[0]+": "+out.Reason)
		return replayedDone, err
	}
	count(&r.answer.DeliveryAnswer, key, out)
	switch {
	case err != nil && (!out.EndpointDown || out.RefusedWhole), err == nil && out.State == deliver.StateBusy:
		return replayedLater, err
	case err == nil && out.Ended():
		return replayedDone, nil
	}
	return replayedNoMore, err
}

// advice returns what a person is to do now.
func (r *replay) advice() string {
	a := r.answer
	counted := ""
	if a.Accepted > 0 {
		counted = "; the dashboard shows the new rows alone, but queries that do not join the committed scan count the old ones with them: dedup {finding.id}, sort:{timestamp desc} there"
	}
	switch {
	case a.Cursor != "":
		return fmt.Sprintf("call again with \"next\":%q: what is done is not sent again", a.Cursor) + counted
	case a.Selected == 0:
		return "nothing: no raw object is chosen; {\"action\":\"status\"} shows what the archive holds, by the names of the systems"
	case a.Objects == 0 && a.DryRun == nil:
		return "nothing: behind the place that \"next\" names no scan is left; to begin anew, leave it out"
	case r.req.PricePerGiB > 0:
		return "send it with the same payload without dryRun and pricePerGiB"
	case a.DryRun != nil:
		return "send it with the same payload without dryRun"
	case a.Older > 0 && a.Older == a.Objects:
		return "nothing was sent: newer scans are committed; with \"force\":true and a key the older one is shown"
	}
	return advice(a.DeliveryAnswer) + counted
}

// replayRequest returns the request for each delivery of a replay. Its JobID is the
// request id of the replay's first call. It is the same when Lambda repeats the
// invocation and in all later calls, so that no scan is sent twice.
func (f *Forwarder) replayRequest(ctx context.Context, q *payload.ReplayRequest) deliver.Request {
	next := parseCursor(q.Next)
	r := deliver.Request{Force: q.Force, JobID: next.id}
	if lc, ok := lambdacontext.FromContext(ctx); ok && r.JobID == "" {
		r.JobID = lc.AwsRequestID
	}
	if r.JobID == "" {
		r.JobID = f.o.NewID()
	}
	if q.MaxEventsPerSecond > 0 && !q.DryRun {
		r.Rate = deliver.NewRate(q.MaxEventsPerSecond, next.pacedUntil)
	}
	return r
}

// chosen finds the raw objects that a request selects, by their system, or the one of its
// key. It returns a fault of class reject if the archive cannot be listed in time.
func (f *Forwarder) chosen(ctx context.Context, q *payload.ReplayRequest, win deliver.Window) (map[string]choice, error) {
	if q.Key != "" {
		return map[string]choice{q.Key: {q.Key}}, nil
	}
	since, until, err := archive.ParsePeriod(q.Since, q.Until)
	if err != nil {
		return nil, payload.BadReplay(err.Error())
	}
	s := &selection{Query: store.Query{Prefix: q.Prefix, Run: q.Run, Since: since, Until: until}, state: q.State}
	if q.System != "" {
		systems, err := f.o.Archive.Directory(ctx)
		if err != nil {
			return nil, err
		}
		s.System = systems.Named(q.System)
	}
	chosen, err := f.newest(ctx, s, win)
	if errors.Is(err, store.ErrLate) {
		err = &fault.Error{Class: fault.Reject, Where: "payload", What: "the archive is too large to be looked through in one invocation",
			Cure: "narrow the selection by since, until or prefix, or use S3 Batch Operations"}
	}
	return chosen, err
}
