package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// ReplayRequest is the payload {"action":"replay", …}: which archived scans are
// sent again. Key, or any of the others together, choose raw objects; of those
// the newest of each system is replayed.
type ReplayRequest struct {
	Action string `json:"action"`
	// Key is one raw object.
	Key string `json:"key"`
	// Prefix of raw keys, a run's id, a system's name or id.
	Prefix string `json:"prefix"`
	Run    string `json:"run"`
	System string `json:"system"`
	// Since and Until are dates, both included, or times.
	Since string `json:"since"`
	Until string `json:"until"`
	// State is complete, superseded, failed, pending or quarantined (complete,
	// but with refused events).
	State string `json:"state"`
	// Limit is how many scans one call replays; 0: as many as its time allows.
	Limit int `json:"limit"`
	// MaxEventsPerSecond slows sending down; 0: it does not.
	MaxEventsPerSecond float64 `json:"maxEventsPerSecond"`
	// DryRun maps and counts, and sends and writes nothing.
	DryRun bool `json:"dryRun"`
	// PricePerGiB turns a dry run's size into a cost, in whatever currency.
	PricePerGiB float64 `json:"pricePerGiB"`
	// Force lets the scan of Key take the place of a newer one.
	Force bool `json:"force"`
	// Next is the cursor of the call before.
	Next string `json:"next"`
}

// ReplayAnswer is what a replay shows.
type ReplayAnswer struct {
	Answer
	// Selected is the number of scans that the request chose, of all calls.
	Selected int `json:"selected"`
	// Older ones were left alone: a newer scan of their system is committed.
	Older int `json:"older"`
	// DryRun is what a dry run counted; nil: it was none.
	DryRun *DryRun `json:"rehearsal,omitzero"`
	// Cursor, as the next call's "next", goes on with what is left; empty: all is done.
	Cursor string `json:"cursor,omitzero"`
}

// Replay sends archived scans again, in new generations; the dashboard changes
// over to each at once. What the time of the invocation does not suffice for,
// the cursor leaves to the next call.
func (f *Forwarder) Replay(ctx context.Context, payload jsontext.Value) (ReplayAnswer, error) {
	a := ReplayAnswer{Answer: Answer{Reasons: []string{}}}
	var req ReplayRequest
	if err := json.Unmarshal(payload, &req, json.RejectUnknownMembers(true)); err != nil {
		return a, badReplay("it cannot be read (" + err.Error() + ")")
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
	if err != nil { // of an answer with an error Lambda shows the error only
		err = fmt.Errorf("replay, which goes on with \"next\":%q: %w", a.Cursor, err)
	}
	return a, err
}

// replay is one call.
type replay struct {
	f       *Forwarder
	req     *ReplayRequest
	win     deliver.Window
	request deliver.Request
	answer  *ReplayAnswer
}

// replayed is what became of one of the chosen scans.
type replayed int

const (
	replayedDone   replayed = iota
	replayedLater           // left to another call; the scans behind it do not wait for it
	replayedNoMore          // left to another call, and so are all behind it
)

// run goes through the chosen scans. The next call begins with the first that
// is left; what was sent behind it is known by the replay's id.
func (r *replay) run(ctx context.Context, chosen map[string]choice) error {
	do := r.send
	if r.req.DryRun {
		r.answer.DryRun = &DryRun{}
		do = r.dryRun
	}
	_, position := unpack(r.req.Next)
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
	r.answer.Cursor = withPace(r.answer.Cursor, r.request.Rate)
	return failed
}

// leave keeps the position behind which the next call goes on: the first that is
// left counts.
func (r *replay) leave(position string) {
	if r.answer.Cursor == "" {
		r.answer.Cursor = r.request.JobID + " " + position
	}
}

// unpack reads a cursor: the id of the replay's first call, by which what it
// has sent is known in all later ones, and the position.
func unpack(cursor string) (id, position string) {
	id, position, _ = strings.Cut(cursor, " ")
	id, _, _ = strings.Cut(id, "@")
	return id, position
}

// withPace adds to a cursor when the next events may go out, behind the id: the
// call that goes on keeps the pace of those before, also where it begins with
// another object.
func withPace(cursor string, rate *deliver.Rate) string {
	if cursor == "" || rate == nil || rate.Until().IsZero() {
		return cursor
	}
	id, position := unpack(cursor)
	return fmt.Sprintf("%s@%d %s", id, rate.Until().UnixMilli(), position)
}

// pacedUntil reads from a cursor when the next events may go out; zero: at once.
func pacedUntil(cursor string) time.Time {
	id, _, _ := strings.Cut(cursor, " ")
	_, milliseconds, _ := strings.Cut(id, "@")
	at, err := strconv.ParseInt(milliseconds, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// newest delivers the newest of a system's scans: the first that is not older
// than what is committed, or else the last.
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
	out, _, err := r.newest(ctx, r.f.deliverer, c)
	if out.State == deliver.StateOlder {
		r.answer.Objects++
		r.answer.Older++
		r.answer.Reasons = append(r.answer.Reasons, c[0]+": "+out.Reason)
		return replayedDone, err
	}
	r.answer.add(out)
	switch {
	case err != nil && (!out.EndpointDown || out.RefusedWhole), err == nil && out.State == deliver.StateBusy:
		return replayedLater, err
	case err == nil && out.Ended():
		return replayedDone, nil
	}
	return replayedNoMore, err
}

// advice is what to do now.
func (r *replay) advice() string {
	a := r.answer
	switch {
	case a.Cursor != "":
		return fmt.Sprintf("call again with \"next\":%q: what is done is not sent again", a.Cursor)
	case a.Selected == 0:
		return "nothing: no raw object is chosen"
	case a.DryRun != nil:
		return "send it with the same payload without dryRun"
	case a.Older > 0 && a.Older == a.Objects:
		return "nothing was sent: newer scans are committed; with \"force\":true and a key the older one is shown"
	}
	return advice(a.Answer)
}

// replayRequest is what the deliveries are asked for. Its id is that of the replay's
// first call: the same when Lambda repeats an invocation, and in the calls that
// go on, so that nothing is replayed twice.
func (f *Forwarder) replayRequest(ctx context.Context, q *ReplayRequest) deliver.Request {
	r := deliver.Request{Force: q.Force}
	r.JobID, _ = unpack(q.Next)
	if lc, ok := lambdacontext.FromContext(ctx); ok && r.JobID == "" {
		r.JobID = lc.AwsRequestID
	}
	if r.JobID == "" {
		r.JobID = f.o.NewID()
	}
	if q.MaxEventsPerSecond > 0 && !q.DryRun {
		r.Rate = deliver.NewRate(q.MaxEventsPerSecond, pacedUntil(q.Next))
	}
	return r
}

// chosen finds the scans that a request means.
func (f *Forwarder) chosen(ctx context.Context, q *ReplayRequest, win deliver.Window) (map[string]choice, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if q.Key != "" {
		return map[string]choice{q.Key: {q.Key}}, nil
	}
	since, until, err := archive.ParsePeriod(q.Since, q.Until)
	if err != nil {
		return nil, badReplay(err.Error())
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

// check refuses requests that could mean more, or something else, than was intended.
func (q *ReplayRequest) check() error {
	others := q.Prefix + q.Run + q.System + q.Since + q.Until + q.State
	states := []string{"", archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliveryFailed, archive.DeliveryPending, selectQuarantined}
	switch {
	case q.Key == "" && others == "":
		return badReplay(`it chooses nothing: name key, prefix, run, system, since, until or state; {"prefix":"raw/"} is everything`)
	case q.Key != "" && others != "":
		return badReplay("key stands alone")
	case q.Force && q.Key == "":
		return badReplay("force is for one key: it shows an older scan in place of a newer one")
	case !strings.HasPrefix(q.Key, archive.RawPrefix) && q.Key != "", !strings.HasPrefix(q.Prefix, archive.RawPrefix) && q.Prefix != "":
		return badReplay("key and prefix begin with " + archive.RawPrefix)
	case !slices.Contains(states, q.State):
		return badReplay(fmt.Sprintf("the state %q is not one of %s", q.State, strings.Join(states[1:], ", ")))
	case q.Next != "" && !strings.Contains(q.Next, " "):
		return badReplay("next is no cursor of an earlier answer")
	case q.Limit < 0, q.MaxEventsPerSecond < 0, q.PricePerGiB < 0:
		return badReplay("limit, maxEventsPerSecond and pricePerGiB are not negative")
	}
	return nil
}

func badReplay(what string) error {
	return &fault.Error{Class: fault.Reject, Where: "payload", What: "the replay is not clear: " + what, Cure: "see events/forwarder-replay.json"}
}
