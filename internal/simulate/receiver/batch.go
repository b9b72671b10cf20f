package receiver

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/dashboard"
)

// batch is the events of one body, with their counts and faults.
type batch struct {
	events        []dashboard.Event
	stored        []stored
	raw           []jsontext.Value
	bytes         int64
	parameters    int
	stale, future int
	inspector     inspector
	shapeErrors   int
	examples      []string
}

// decode reads an array of events, or one event. The stream is decoded event
// by event; an error means that the whole body is refused.
func decode(body io.Reader, now time.Time, o *Options) (batch, error) {
	var b batch
	dec := jsontext.NewDecoder(body)
	switch kind := dec.PeekKind(); kind {
	case '{':
		if err := b.decodeEvent(dec, now, o); err != nil {
			return batch{}, err
		}
	case '[':
		if err := b.decodeArray(dec, now, o); err != nil {
			return batch{}, err
		}
	default:
		if _, err := dec.ReadValue(); errors.Is(err, io.EOF) {
			return batch{}, errors.New("the body is empty")
		} else if err != nil {
			return batch{}, fmt.Errorf("the body is not JSON: %w", err)
		}
		return batch{}, errors.New("the body is neither an array of events nor an event")
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return batch{}, errors.New("the body holds more than one JSON value")
	}
	return b, nil
}

func (b *batch) decodeArray(dec *jsontext.Decoder, now time.Time, o *Options) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := b.decodeEvent(dec, now, o); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (b *batch) decodeEvent(dec *jsontext.Decoder, now time.Time, o *Options) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if raw.Kind() != '{' {
		return errors.New("an element of the array is not an object")
	}
	e, err := dashboard.Decode(raw)
	if err != nil {
		return err
	}
	if !b.stamp(&e, now) {
		return nil
	}
	faults := b.inspector.faults(raw)
	if o.Inspect != nil {
		faults = append(faults, o.Inspect(raw)...)
	}
	b.shapeErrors += len(faults)
	for _, fault := range faults[:min(len(faults), maxExamples-len(b.examples))] {
		b.examples = append(b.examples, fmt.Sprintf("%s %s: %s", e.Type, e.ID, fault))
	}
	b.events, b.stored = append(b.events, e), append(b.stored, stored{status: statusOf(&e, raw), bytes: int32(len(raw))})
	if len(b.raw) < o.KeepRaw {
		b.raw = append(b.raw, raw.Clone())
	}
	return nil
}

// stamp treats the timestamp as OpenPipeline does; false means that the event
// is dropped although the request is accepted.
func (b *batch) stamp(e *dashboard.Event, now time.Time) bool {
	switch at := e.Timestamp; {
	case at.IsZero():
		e.Timestamp.Time = now
	case at.Before(now.Add(-oldest)):
		b.stale++
		return false
	case at.After(now.Add(furthest)):
		b.future++
		e.Timestamp.Time = now.Add(furthest)
	}
	return true
}

// statusOf returns a finding's status in the external model, which the dashboard does
// not read. It is null for a finding with the status that the dashboard reads.
func statusOf(e *dashboard.Event, raw jsontext.Value) dashboard.Text {
	var external struct {
		Status dashboard.Text `json:"compliance.status"`
	}
	if e.Type == dashboard.TypeFinding && e.Status.Null() {
		_ = json.Unmarshal(raw, &external) // never fails: raw was decoded before
	}
	return external.Status
}
