package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

const (
	// maxRefused bounds the refused events in an answer.
	maxRefused = 100
	// maxEvent is the most that is read of one document of the quarantine, in bytes: an
	// answer of Lambda has 6 MB at most.
	maxEvent = 5 << 20
	// eventReaders is how many refused events are held in memory at once.
	eventReaders = 4
)

// Refusals lists the raw objects of a window that have refused events. A request that
// cannot be followed is a fault of class reject.
func (r *Reader) Refusals(ctx context.Context, req payload.StatusRequest) (payload.QuarantineList, error) {
	w, err := r.walk(ctx, req)
	if err != nil {
		return payload.QuarantineList{}, err
	}
	t, err := w.look(ctx, func(a *payload.Attention) bool { return a.Quarantined > 0 })
	if err != nil {
		return payload.QuarantineList{}, err
	}
	a := payload.QuarantineList{
		Since: w.scope.Since, Until: w.scope.Until, Objects: t.objects, Quarantined: t.total.Quarantined,
		Attention: t.listed(), AttentionOmitted: t.omitted, Next: "nothing: no event was refused",
	}
	if a.Quarantined > 0 {
		a.Next = `{"action":"quarantine","key":"…"} with a key of attention shows what was refused, and why`
	}
	if a.Cursor, err = w.cursor(); a.Cursor != "" {
		a.Next += `; these are not all objects: the same with "next" set to the cursor goes on`
	}
	return a, err
}

// Quarantine returns the refused events of an object's last generation: the first
// hundred, or one of them whole. Those of earlier generations are left out, since these
// were abandoned. A request that cannot be followed is a fault of class reject.
func (r *Reader) Quarantine(ctx context.Context, req payload.QuarantineRequest) (payload.QuarantineAnswer, error) {
	limit, err := limitOf(&req)
	if err != nil {
		return payload.QuarantineAnswer{}, err
	}
	doc, err := r.archive.Delivery(ctx, req.Key)
	if err != nil {
		return payload.QuarantineAnswer{}, err
	}
	q := payload.QuarantineAnswer{Key: req.Key, Generation: doc.Value.Generation, State: doc.Value.Shown(), Refused: []payload.RefusedEvent{}}
	if !doc.Exists() {
		q.Next = "nothing: it was never delivered; check the key"
		return q, nil
	}
	found, err := r.refused(ctx, req, &doc.Value)
	if err != nil {
		return q, err
	}
	q.Omitted = max(0, len(found)-limit)
	if q.Refused, err = r.read(ctx, found[:len(found)-q.Omitted], req.Index != nil); err != nil {
		return q, err
	}
	q.Next = refusedAdvice(&q, req.Index)
	return q, nil
}

// limitOf checks a request about one object, and returns the most events that the answer
// shows.
func limitOf(q *payload.QuarantineRequest) (int, error) {
	window := q.StatusRequest
	window.Limit = 0
	switch {
	case q.Key == "": // and an index: a request with neither goes to Refusals
		return 0, payload.BadInspection("index is of an event of one raw object, and there is no key: name it beside index")
	case !strings.HasPrefix(q.Key, archive.RawPrefix):
		return 0, payload.BadInspection(fmt.Sprintf("key %q is not under %s", q.Key, archive.RawPrefix))
	case window != (payload.StatusRequest{}):
		return 0, payload.BadInspection("key names one object, so there is nothing to select by since, until, system, prefix or next")
	case q.Limit < 0 || q.Limit > maxRefused:
		return 0, payload.BadInspection(fmt.Sprintf("limit is %d, not 1 to %d", q.Limit, maxRefused))
	case q.Index != nil && *q.Index < 0:
		return 0, payload.BadInspection("index is below 0")
	case q.Limit == 0:
		return maxRefused, nil
	}
	return q.Limit, nil
}

// event is a refused event: its document in the quarantine, and its event index.
type event struct {
	info  archive.RawInfo
	index int64
}

// refused lists the refused events of the last generation in the order of their index;
// with an index in the request, only that one.
func (r *Reader) refused(ctx context.Context, req payload.QuarantineRequest, d *archive.Delivery) ([]event, error) {
	found := []event{}
	for _, g := range d.Generations() {
		for info, err := range r.archive.List(ctx, g.Quarantine(), "") {
			if err != nil {
				return nil, err
			}
			index, ok := archive.RefusedIndex(info.Key)
			if ok && (req.Index == nil || index == *req.Index) {
				found = append(found, event{info, index})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b event) int { return cmp.Compare(a.index, b.index) })
	return found, nil
}

// read reads the documents of refused events, eventReaders at once. whole says whether
// the answer holds the events themselves.
func (r *Reader) read(ctx context.Context, events []event, whole bool) ([]payload.RefusedEvent, error) {
	all := make([]payload.RefusedEvent, len(events))
	var group errgroup.Group
	group.SetLimit(eventReaders)
	for i, e := range events {
		group.Go(func() (err error) {
			all[i], err = r.event(ctx, e, whole)
			return err
		})
	}
	return all, group.Wait()
}

// event reads one document of the quarantine. If it cannot be understood, the result
// has only the index and the document's key.
func (r *Reader) event(ctx context.Context, e event, whole bool) (payload.RefusedEvent, error) {
	body, err := r.archive.Open(ctx, e.info)
	if err != nil {
		return payload.RefusedEvent{}, fmt.Errorf("read quarantine: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(body, maxEvent))
	if err = errors.Join(err, body.Close()); err != nil {
		return payload.RefusedEvent{}, fmt.Errorf("read quarantine: %w", err)
	}
	row, readable := refusedEvent(text, whole)
	if row.Index = e.index; !readable {
		row.Answer = "the document is over 5 MiB, or not readable: download " + e.info.Key
	}
	return row, nil
}

// refusedEvent decodes a document of the quarantine; false: it cannot be understood.
func refusedEvent(text []byte, whole bool) (payload.RefusedEvent, bool) {
	var names struct {
		EventType string `json:"event.type"`
		FindingID string `json:"finding.id"`
		RuleID    string `json:"rule.id"`
		ObjectID  string `json:"object.id"`
	}
	lenient := json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	doc, err := archive.DecodeRefusedEvent(text)
	if err != nil || json.Unmarshal(doc.Event, &names, lenient) != nil {
		return payload.RefusedEvent{}, false
	}
	row := payload.RefusedEvent{Answer: doc.Answer, EventType: names.EventType, FindingID: names.FindingID, RuleID: names.RuleID, ObjectID: names.ObjectID, Bytes: len(doc.Event)}
	if whole {
		row.Event = doc.Event
	}
	return row, true
}

// refusedAdvice returns what a person is to do about the refused events of an object.
func refusedAdvice(q *payload.QuarantineAnswer, index *int64) string {
	switch {
	case index != nil && len(q.Refused) == 0:
		return fmt.Sprintf("no event %d was refused: leave index out to see which were", *index)
	case len(q.Refused) == 0:
		return "nothing: no event of this generation was refused"
	case index != nil:
		return "mend what the answer says: a setting, or report it with this event; then {\"action\":\"replay\"} with this key"
	case q.Omitted > 0:
		return `add "index" to see one whole; all are under ` + archive.QuarantinePrefix + q.Key + "/"
	}
	return `add "index" to see one whole`
}
