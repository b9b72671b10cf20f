package store_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

func listed(n int, after error) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		for i := range n {
			if !yield(archive.RawInfo{Key: fmt.Sprintf("raw/v1/%04d", i), ETag: `"e"`}, nil) {
				return
			}
		}
		if after != nil {
			yield(archive.RawInfo{}, after)
		}
	}
}

func TestDeliveriesKeepTheOrderOfTheList(t *testing.T) {
	t.Parallel()
	s := store.New(client(t), bucket)
	save := func(key, state, etag string) {
		d := store.Doc[archive.Delivery]{Key: archive.DeliveryKey(key)}
		d.Value.State, d.Value.ETag = state, etag
		if err := store.Save(t.Context(), s, &d); err != nil {
			t.Fatal(err)
		}
	}
	save("raw/v1/0001", archive.DeliveryComplete, `"e"`)
	save("raw/v1/0002", archive.DeliveryComplete, `"another version"`)
	save("raw/v1/0299", archive.DeliveryFailed, `"e"`)
	save("raw/v1/0300", archive.DeliverySending, `"e"`)
	broken := errors.New("the list broke")
	n, ended := 0, map[string]bool{}
	var got error
	for tracked, err := range s.Deliveries(t.Context(), listed(310, broken)) {
		if err != nil {
			got = err
			break
		}
		if want := fmt.Sprintf("raw/v1/%04d", n); tracked.Key != want || tracked.Err != nil {
			t.Fatalf("object %d is %s (%v), want %s", n, tracked.Key, tracked.Err, want)
		}
		ended[tracked.Key] = tracked.Ended()
		n++
	}
	if n != 310 || !errors.Is(got, broken) {
		t.Errorf("%d objects, then %v; want 310, then the list's error", n, got)
	}
	for key, want := range map[string]bool{"raw/v1/0000": false, "raw/v1/0001": true, "raw/v1/0002": false, "raw/v1/0299": true, "raw/v1/0300": false} {
		if ended[key] != want {
			t.Errorf("%s ended: %v, want %v", key, ended[key], want)
		}
	}
	for range s.Deliveries(t.Context(), listed(600, nil)) {
		break // whoever has seen enough stops the reading
	}
}
