package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
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
	// Rehearsal is what a dry run counted.
	Rehearsal *Rehearsal `json:"rehearsal,omitzero"`
	// Cursor, as the next call's "next", goes on behind what is done; empty: all is.
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
	win := windowOf(ctx, f.o.Now())
	chosen, err := f.chosen(ctx, &req, win)
	if err != nil {
		return a, err
	}
	a.Selected = len(chosen)
	r := &replay{f: f, req: &req, win: win, answer: &a, wish: req.wish(ctx)}
	err = r.run(ctx, chosen)
	a.Next = r.next()
	return a, err
}

// replay is one call.
type replay struct {
	f      *Forwarder
	req    *ReplayRequest
	win    window
	wish   *wish
	answer *ReplayAnswer
}

// run goes through the chosen scans until one cannot be finished in this call.
func (r *replay) run(ctx context.Context, chosen map[string]choice) error {
	do := r.send
	if r.req.DryRun {
		r.answer.Rehearsal = &Rehearsal{}
		do = r.rehearse
	}
	cursor := r.req.Next
	var failed error
	for i, part := range behind(r.req.Next, chosen) {
		if r.req.Limit > 0 && i == r.req.Limit {
			r.answer.Cursor = cursor
			break
		}
		ended, err := do(ctx, chosen[part])
		if _, down := errors.AsType[*endpointError](err); down {
			return err
		}
		failed = errors.Join(failed, err)
		if !ended {
			r.answer.Cursor = orStart(cursor)
			break
		}
		cursor = part
	}
	return failed
}

// orStart is a cursor in front of everything, where none is known yet.
func orStart(cursor string) string {
	if cursor == "" {
		return " "
	}
	return cursor
}

// send replays the newest of a system's scans; false: it waits for the next call.
func (r *replay) send(ctx context.Context, c choice) (bool, error) {
	var out Outcome
	var err error
	for _, key := range c {
		if out, err = r.f.redeliver(ctx, key, r.win, r.wish); out.State != stateOlder {
			break
		}
	}
	if out.State == stateOlder {
		r.answer.Objects++
		r.answer.Older++
		r.answer.Reasons = append(r.answer.Reasons, c[0]+": "+out.Reason)
		return true, err
	}
	r.answer.add(out)
	return err != nil || final(out.State) || out.State == stateBusy, err
}

func (r *replay) next() string {
	a := r.answer
	switch {
	case a.Cursor != "":
		return fmt.Sprintf("call again with \"next\":%q: what is done is not sent again", a.Cursor)
	case a.Selected == 0:
		return "nothing: no raw object is chosen"
	case a.Rehearsal != nil:
		return "send it with the same payload without dryRun"
	case a.Older > 0 && a.Older == a.Objects:
		return "nothing was sent: newer scans are committed; with \"force\":true and a key the older one is shown"
	}
	return next(a.Answer)
}

// wish is what the deliveries are asked for. The request's id stays the same
// when Lambda repeats an invocation, so that nothing is replayed twice then.
func (q *ReplayRequest) wish(ctx context.Context) *wish {
	w := &wish{force: q.Force}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		w.id = lc.AwsRequestID
	}
	if q.MaxEventsPerSecond > 0 && !q.DryRun {
		w.pace = &pace{perSecond: q.MaxEventsPerSecond}
	}
	return w
}

// chosen finds the scans that a request means.
func (f *Forwarder) chosen(ctx context.Context, q *ReplayRequest, win window) (map[string]choice, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if q.Key != "" {
		return map[string]choice{q.Key: {q.Key}}, nil
	}
	s := &selection{prefix: q.Prefix, run: q.Run, system: q.System, state: q.State}
	if err := s.between(q.Since, q.Until); err != nil {
		return nil, err
	}
	chosen, whole, err := f.newest(ctx, s, win)
	if err == nil && !whole {
		err = &fault.Error{Class: fault.Reject, Where: "payload", What: "the archive is too large to be looked through in one invocation",
			Cure: "narrow the selection by since, until or prefix, or use S3 Batch Operations"}
	}
	return chosen, err
}

// check refuses requests that could mean more, or something else, than was intended.
func (q *ReplayRequest) check() error {
	others := q.Prefix + q.Run + q.System + q.Since + q.Until + q.State
	states := []string{"", archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliveryFailed, selectPending, selectQuarantined}
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
	case q.Limit < 0, q.MaxEventsPerSecond < 0, q.PricePerGiB < 0:
		return badReplay("limit, maxEventsPerSecond and pricePerGiB are not negative")
	}
	return nil
}

func badReplay(what string) error {
	return &fault.Error{Class: fault.Reject, Where: "payload", What: "the replay is not clear: " + what, Cure: "see events/forwarder-replay.json"}
}
