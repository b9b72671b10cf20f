package payload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// ReplayRequest is the payload {"action":"replay", …}: which archived scans are
// sent again. Key chooses one raw object; Prefix, Run, System, Since, Until and State
// together choose several, of which the newest of each system is replayed.
type ReplayRequest struct {
	Action string `json:"action"`
	// Key is one raw object.
	Key string `json:"key,omitzero"`
	// Prefix is how the keys begin, Run a run's id, System a system's name or id.
	Prefix string `json:"prefix,omitzero"`
	Run    string `json:"run,omitzero"`
	System string `json:"system,omitzero"`
	// Since and Until bound when the runs started: RFC 3339, or a date, UTC. An Until
	// that is a date includes that day.
	Since string `json:"since,omitzero"`
	Until string `json:"until,omitzero"`
	// State is complete, superseded, failed, pending or quarantined.
	State string `json:"state,omitzero"`
	// Limit is how many scans one call replays; 0: as many as its time allows.
	Limit int `json:"limit,omitzero"`
	// MaxEventsPerSecond is the pace of sending; 0: no limit.
	MaxEventsPerSecond float64 `json:"maxEventsPerSecond,omitzero"`
	// DryRun maps and counts, and sends and writes nothing.
	DryRun bool `json:"dryRun,omitzero"`
	// PricePerGiB is the price of a GiB in any currency; a dry run then gives the cost.
	PricePerGiB float64 `json:"pricePerGiB,omitzero"`
	// Force lets the scan of Key take the place of a newer one.
	Force bool `json:"force,omitzero"`
	// Next is the cursor of the call before: the id of the replay's first call, at a pace
	// with the time before which no event may go out, a space, and the place where the
	// replay goes on.
	Next string `json:"next,omitzero"`
}

// Quarantined is the state that selects objects whose delivery is complete, superseded
// or failed and had events refused.
const Quarantined = "quarantined"

// ParseReplay reads a replay request. It returns a fault of class reject if the request
// cannot be understood, chooses nothing, or has a member without a value or members that
// contradict each other.
func ParseReplay(text []byte) (ReplayRequest, error) {
	var req ReplayRequest
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return req, BadReplay(Explain(err))
	}
	if err := checkValues(text, "limit", "maxEventsPerSecond"); err != nil {
		return req, err
	}
	return req, req.check()
}

func (q *ReplayRequest) check() error {
	others := q.Prefix + q.Run + q.System + q.Since + q.Until + q.State
	states := []string{"", archive.DeliveryComplete, archive.DeliverySuperseded, archive.DeliveryFailed, archive.DeliveryPending, Quarantined}
	switch {
	case q.Key == "" && others == "":
		return BadReplay(`it chooses nothing: name key, prefix, run, system, since, until or state; {"prefix":"raw/"} is everything`)
	case q.Key != "" && others != "":
		return BadReplay("key stands alone")
	case q.Force && q.Key == "":
		return BadReplay("force is for one key: it shows an older scan in place of a newer one")
	case !strings.HasPrefix(q.Key, archive.RawPrefix) && q.Key != "", !strings.HasPrefix(q.Prefix, archive.RawPrefix) && q.Prefix != "":
		return BadReplay("key and prefix begin with " + archive.RawPrefix)
	case !slices.Contains(states, q.State):
		return BadReplay(fmt.Sprintf("the state %q is not one of %s", q.State, strings.Join(states[1:], ", ")))
	case q.Next != "" && !strings.Contains(q.Next, " "):
		return BadReplay("next is no cursor of an earlier answer: give it as that answer has it, with its space, or leave it out")
	case q.PricePerGiB != 0 && !q.DryRun:
		return BadReplay("pricePerGiB is for a dry run, and this replay would send: set dryRun to true, or leave pricePerGiB out")
	case q.Limit < 0, q.MaxEventsPerSecond < 0, q.PricePerGiB < 0:
		return BadReplay("limit, maxEventsPerSecond and pricePerGiB are not negative")
	}
	since, until, err := archive.ParsePeriod(q.Since, q.Until)
	switch {
	case err != nil:
		return BadReplay(err.Error())
	case !until.IsZero() && !since.Before(until):
		return BadReplay(fmt.Sprintf("since, %s, is not before until, %s", Stamp(since), Stamp(until)))
	}
	return nil
}

// BadReplay returns a fault of class reject about a replay request that cannot be
// followed; what says why.
func BadReplay(what string) error {
	return reject("the replay is not clear: "+what, "see events/forwarder-replay.json")
}

// ReplayAnswer is the answer to a replay.
type ReplayAnswer struct {
	DeliveryAnswer
	// Selected is the number of scans that the request chose, for all its calls together.
	Selected int `json:"selected"`
	// Older counts the scans that were not sent, because a newer scan of their system is
	// committed.
	Older int `json:"older"`
	// DryRun is what a dry run counted; nil: the replay was no dry run.
	DryRun *DryRun `json:"rehearsal,omitzero"`
	// Cursor is the "next" of the call that goes on; empty: all is done.
	Cursor string `json:"cursor,omitzero"`
}

// DryRun is what a replay would send to an endpoint that accepts every event.
type DryRun struct {
	// Events counts events of all kinds, Bytes the bytes of the request bodies.
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
	// GiB is Bytes in GiB. Dynatrace bills this size: that of events before enrichment.
	GiB float64 `json:"gib"`
	// Cost is GiB times the price in the request; 0: the request has none.
	Cost    float64      `json:"cost,omitzero"`
	Systems []DryRunScan `json:"systems"`
}

// DryRunScan is what a dry run counted of one scan.
type DryRunScan struct {
	System string `json:"system"`
	Type   string `json:"type"`
	Key    string `json:"key"`
	// Older: nothing would be sent, since a newer scan is committed.
	Older    bool  `json:"older,omitzero"`
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
	// Rows are the findings by standard, severity and status.
	Rows []CountedRows `json:"rows,omitzero"`
}

// CountedRows is a number of findings. The words are those of Dynatrace's
// events, such as CIS, HIGH, FAILED.
type CountedRows struct {
	Standard string `json:"standard"`
	Severity string `json:"severity"`
	Status   string `json:"status"`
	Rows     int64  `json:"rows"`
}
