package openpipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// For any sizes of events and any gaps between their indexes, every event is in one
// body, in order, and the bodies are JSON arrays within the limit.
func TestBatchesHoldEveryEventOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(20, 300).Draw(t, "limit")
		sizes := rapid.SliceOf(rapid.IntRange(0, 120)).Draw(t, "sizes")
		inPlace := rapid.Bool().Draw(t, "in place") // the memory is reused before the event is copied out of it
		gaps := rapid.SliceOfN(rapid.IntRange(0, 3), len(sizes), len(sizes)).Draw(t, "gaps")
		var got []string
		buffers := NewBuffers(1, limit)
		b := NewBatcher(limit, buffers, func(batch *Batch) error {
			var events []map[string]string
			if err := json.Unmarshal(bodyOf(t, batch), &events); err != nil {
				t.Fatalf("body is no JSON array: %v", err)
			}
			if batch.Len() > limit && len(events) > 1 {
				t.Fatalf("%d bytes in a batch of %d events, the limit is %d", batch.Len(), len(events), limit)
			}
			if int64(len(events)) != batch.To-batch.From {
				t.Fatalf("indexes %d to %d for %d events", batch.From, batch.To, len(events))
			}
			checkSplit(t, batch)
			for i, e := range events {
				if e["i"] != fmt.Sprint(batch.From+int64(i)) {
					t.Fatalf("event %s at index %d", e["i"], batch.From+int64(i))
				}
				got = append(got, e["i"])
			}
			buffers.Release(batch)
			return nil
		})
		var want []string
		index := int64(0)
		for i, size := range sizes {
			index += int64(gaps[i])
			event := fmt.Appendf(nil, `{"i":"%d","x":"%s"}`, index, strings.Repeat("x", size))
			if inPlace {
				event = append(b.Room(), event...)
			}
			if err := b.Add(index, event); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(index))
			index++
		}
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("sent %v, want %v", got, want)
		}
	})
}

// checkSplit halves a batch down to single events: together these must be the batch.
func checkSplit(t *rapid.T, b *Batch) {
	var events []json.RawMessage
	if err := json.Unmarshal(bodyOf(t, b), &events); err != nil || int64(len(events)) != b.To-b.From {
		t.Fatalf("%d events from %d to %d, %v", len(events), b.From, b.To, err)
	}
	for i, e := range events {
		if got := b.Event(b.From + int64(i)); string(got) != string(e) {
			t.Fatalf("event %d is %s, want %s", i, got, e)
		}
	}
	if len(events) == 1 {
		if s := Of(b.From, b.Event(b.From)); string(bodyOf(t, s)) != string(bodyOf(t, b)) {
			t.Fatalf("a single event makes %s, not %s", bodyOf(t, s), bodyOf(t, b))
		}
		return
	}
	before := string(bodyOf(t, b))
	h := b.Halves()
	if h[0].From != b.From || h[0].To != h[1].From || h[1].To != b.To {
		t.Fatalf("halves %d-%d, %d-%d of %d-%d", h[0].From, h[0].To, h[1].From, h[1].To, b.From, b.To)
	}
	checkSplit(t, h[0])
	checkSplit(t, h[1])
	if string(bodyOf(t, b)) != before {
		t.Fatal("halving changed the batch")
	}
}

// bodyOf returns the body of a batch as it is sent, and checks its length.
func bodyOf(t interface {
	Helper()
	Fatal(args ...any)
}, b *Batch) []byte {
	t.Helper()
	body, err := io.ReadAll(b.content())
	if err != nil || len(body) != b.Len() {
		t.Fatal("the body has ", len(body), " bytes, the batch says ", b.Len(), err)
	}
	return body
}
