package forward_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
)

// dying is an S3 client whose process dies after it has written a certain object.
type dying struct {
	*s3.Client
	after string
	dead  bool
}

func (d *dying) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if d.dead {
		return nil, errors.New("the process is dead")
	}
	out, err := d.Client.PutObject(ctx, in, o...)
	d.dead = err == nil && aws.ToString(in.Key) == d.after
	return out, err
}

// An invocation that finishes the delivery of one that crashed sends the same notice.
func TestNoticeAfterACrash(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"between the register and the roll-up":          archive.RegisterKey("vc-a"),
		"between the roll-up and the delivery's end":    archive.RollupKey("vc-a"),
		"between the two, and then the settings change": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withoutDORA)
			r.delivered(r.Put(judged("vc-a", 1, eighty)), archive.DeliveryComplete)
			r.told(firstOfA)
			event := s3Event(r.Bucket, r.Put(judged("vc-a", 2, sixty)))
			die := func(after string) {
				t.Helper()
				doomed := r.sandbox(store.New(&dying{Client: r.S3, after: after}, r.Bucket), r.Server.Client().Transport)
				if _, err := handle(t.Context(), doomed, event); err == nil {
					t.Fatal("the invocation did not die")
				}
				r.told()
			}
			if after != "" {
				die(after)
				r.calm(r.forwarder)
				r.told(worseOfA)
				return
			}
			// The generation that was committed is abandoned, and the next one compared with it.
			die(archive.RegisterKey("vc-a"))
			r.Config.Mapping.MinSeverity = "MEDIUM"
			r.calm(r.forwarder)
			if n := r.told("Runecast vc-a.example: posture 60 %")[0]; !strings.Contains(n.Text, "nothing to compare it with") || !n.Changed {
				t.Errorf("%+v", n)
			}
		})
	}
}

// If a newer scan was committed meanwhile, the notice of the older one says so, and its
// verdicts do not replace those of the newer one.
func TestNoticeOfAScanThatWasOvertaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, withoutDORA)
	older := r.Put(judged("vc-a", 1, eighty))
	r.SetIntercept(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if strings.Contains(r.Bodies[n], securityevent.TypeCompleted) { // the older one's scan event
			r.SetIntercept(nil)
			r.delivered(r.Put(judged("vc-a", 2, sixty)), archive.DeliveryComplete)
		}
		return false
	})
	r.delivered(older, archive.DeliveryComplete)
	heard := r.told("Runecast vc-a.example: posture 60 %", "Runecast vc-a.example: posture 80 %, replaced by a newer scan")
	if heard[1].Changed || r.rollup("vc-a").Posture != 60 {
		t.Errorf("%+v", heard[1])
	}
	r.delivered(r.Put(judged("vc-a", 3, eighty)), archive.DeliveryComplete)
	r.told("Runecast vc-a.example: posture 80 % (60 % before), 2 rules newly passed")
}

// The roll-up of the scan before is for the notice only: if it cannot be used, the scan
// is delivered nevertheless.
func TestNoticeWithoutARollup(t *testing.T) {
	t.Parallel()
	const lone = "Runecast vc-a.example: posture 60 %"
	for name, c := range map[string]struct {
		kept string
		want int // posture that is kept then
	}{
		"not readable":       {`{"schema":`, 60},
		"of another kind":    {`{"schema":"runecast-system/1"}`, 60},
		"of a newer release": {`{"schema":"runecast-rules/2","posture":7}`, 7},
		"of another scan":    {`{"schema":"runecast-rules/1","scanId":"x"}`, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withoutDORA)
			r.delivered(r.Put(judged("vc-a", 1, eighty)), archive.DeliveryComplete)
			kept := archive.RollupKey("vc-a")
			if _, err := r.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.Bucket, Key: &kept, Body: strings.NewReader(c.kept)}); err != nil {
				t.Fatal(err)
			}
			r.delivered(r.Put(judged("vc-a", 2, sixty)), archive.DeliveryComplete)
			if n := r.told(firstOfA, lone)[1]; !n.Changed || !strings.Contains(n.Text, "nothing to compare it with") {
				t.Errorf("%+v", n)
			}
			var after archive.Rollup
			if err := json.Unmarshal(r.download(kept), &after); err != nil || after.Posture != c.want {
				t.Errorf("%+v %v", after, err)
			}
		})
	}
}
