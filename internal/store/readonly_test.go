package store_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// A write to a read-only archive succeeds and changes nothing: later reads return what
// was there before.
func TestReadOnlyKeepsNothing(t *testing.T) {
	t.Parallel()
	s := store.New(client(t), bucket)
	var before store.Doc[archive.Register]
	before.Value.ScanID = "before"
	if err := save(t, s, &before); err != nil {
		t.Fatal(err)
	}
	dry := s.ReadOnly()
	doc, err := store.Load[archive.Register](t.Context(), dry, "systems/x.json")
	if err != nil || doc.Value.ScanID != "before" {
		t.Fatalf("%+v, %v", doc.Value, err)
	}
	for _, id := range []string{"first", "second"} { // a write goes on from one that was forgotten
		doc.Value.ScanID = id
		if err := save(t, dry, &doc); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := dry.TryWrite(t.Context(), "delivery/check"); err != nil {
		t.Error(err)
	}
	if _, err := dry.PutRaw(t.Context(), "raw/v1/x.json.gz", func(w io.Writer) error {
		_, err := io.CopyN(w, rand.NewChaCha8([32]byte{}), 20<<20) // nothing compresses it
		return err
	}); err == nil {
		t.Error("an object in parts was written")
	}
	for _, of := range []*store.Store{s, dry} {
		if after, err := store.Load[archive.Register](t.Context(), of, "systems/x.json"); err != nil || after.Value.ScanID != "before" {
			t.Errorf("it says %+v, %v", after.Value, err)
		}
		for key, err := range map[string]error{"raw/v1/x.json.gz": load(t, of, "raw/v1/x.json.gz"), "delivery/check": load(t, of, "delivery/check")} {
			if !errors.Is(err, store.ErrMissing) {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

// load opens an object.
func load(t *testing.T, s *store.Store, key string) error {
	t.Helper()
	r, err := s.Open(t.Context(), archive.RawInfo{Key: key})
	if err == nil {
		err = r.Close()
	}
	return err
}
