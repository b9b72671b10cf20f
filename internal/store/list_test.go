package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

func TestRunsAndRegisters(t *testing.T) {
	t.Parallel()
	c := client(t)
	s := store.New(c, bucket)
	put := func(key, body string) {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 5 {
		put(archive.RunKey(fmt.Sprintf("2026112%dT020000Z-4f3a", day)), "{}")
	}
	put(archive.ActiveRunKey, "{}")
	put(archive.RunCheckKey, "check")
	var ids []string
	for id, err := range s.Runs(t.Context(), time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if d := cmp.Diff([]string{"20261122T020000Z-4f3a", "20261123T020000Z-4f3a", "20261124T020000Z-4f3a"}, ids); d != "" {
		t.Error(d)
	}
	for range s.Runs(t.Context(), time.Time{}) {
		break // whoever has seen enough stops it
	}

	for i := range 20 {
		id := fmt.Sprint("vc", i)
		put(archive.RegisterKey(id), `{"schema":"runecast-system/1","system":{"id":"`+id+`"}}`)
	}
	put(archive.RegisterKey("bad"), `{nonsense`)
	put(archive.RollupKey("vc1"), `{"schema":"runecast-rules/1"}`) // is no register
	all, err := s.Registers(t.Context())
	if err != nil || len(all) != 21 {
		t.Fatalf("%d registers, %v", len(all), err)
	}
	for i, r := range all {
		if want := r.Key == archive.RegisterKey("bad"); (r.Err != nil) != want || !want && r.Key != archive.RegisterKey(r.Register.System.ID) {
			t.Errorf("%+v", r)
		}
		if i > 0 && all[i-1].Key >= r.Key {
			t.Errorf("%s comes before %s", all[i-1].Key, r.Key)
		}
	}
	blind := store.New(&listless{c}, bucket)
	if _, err := blind.Registers(t.Context()); err == nil || fault.ClassOf(err) != fault.Config {
		t.Errorf("without the right to list: %v", err)
	}
	for _, err := range blind.Runs(t.Context(), time.Time{}) {
		if err == nil || fault.ClassOf(err) != fault.Config {
			t.Errorf("without the right to list: %v", err)
		}
	}
}

// listless is a bucket that may not be listed.
type listless struct{ *s3.Client }

func (*listless) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return nil, (&refusing{status: 403, code: "AccessDenied"}).err()
}
