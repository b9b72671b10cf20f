package deliver_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDeliveryDocuments compares the delivery documents on S3, of one scan and of several,
// with the documented ones: byte for byte, except for times and random values.
func TestDeliveryDocuments(t *testing.T) {
	t.Parallel()
	const both = "raw/manual/both.json"
	one := scan{System: "vc-a", Minute: 1, Failing: 25, Passing: 1}
	for name, run := range map[string]func(r *rig, show func(what, key string)){
		"one-scan": func(r *rig, show func(what, key string)) {
			key := r.Put(one)
			r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					show("while it is sent", key)
				}
				if n >= 2 {
					w.Header().Set("Retry-After", "3600")
					site.Answer(w, http.StatusTooManyRequests)
				}
				return n >= 2
			})
			r.delivered(key, archive.DeliverySending)
			show("released", key)
			r.SetIntercept(nil)
			r.delivered(key, archive.DeliveryComplete)
			show("complete", key)
		},
		"one-scan-forced": func(r *rig, show func(what, key string)) {
			old := r.Put(one)
			r.delivered(r.Put(scan{System: "vc-a", Minute: 2, Failing: 1}), archive.DeliveryComplete)
			r.delivered(old, archive.DeliverySuperseded)
			show("superseded", old)
			r.SetIntercept(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				site.Answer(w, http.StatusInternalServerError)
				return true
			})
			forced := deliver.Request{JobID: "job", Force: true}
			r.replayed(old, archive.DeliverySending, forced)
			show("forced, in doubt", old)
			r.SetIntercept(nil)
			r.replayed(old, archive.DeliveryComplete, forced)
			show("forced", old)
		},
		"one-scan-failed": func(r *rig, show func(what, key string)) {
			key := r.Put(scan{System: "vc-a", Minute: 1, Result: `{"issues":[{]}`})
			r.delivered(key, archive.DeliveryFailed)
			show("failed", key)
			none := r.Put(scan{System: "vc-b", Minute: 1, Result: `{"issues":[]}`})
			r.delivered(none, archive.DeliveryFailed)
			show("nothing to show", none)
			r.Upload("raw/v1/html", []byte("<html>"))
			r.delivered("raw/v1/html", archive.DeliveryFailed)
			show("unreadable", "raw/v1/html")
		},
		"several-scans": func(r *rig, show func(what, key string)) {
			r.Upload(both, site.Saved("vc-a 20@1", "vc-b 9@1"))
			r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
				body, _ := io.ReadAll(req.Body)
				req.Body = io.NopCloser(strings.NewReader(string(body)))
				if strings.Contains(string(body), "vc-b") {
					show("while the second is sent", both)
					site.Answer(w, http.StatusForbidden)
					return true
				}
				return false
			})
			_, _ = r.deliver(both)
			show("the second is left", both)
			r.SetIntercept(nil)
			r.delivered(both, archive.DeliveryComplete)
			show("complete", both)
			r.Upload(both, site.Saved("vc-a 20@1", "vc-b 9@1")[:150])
			r.delivered(both, archive.DeliveryFailed)
			show("replaced by one that cannot be read", both)
			r.Upload(both, site.Saved("vc-a 2@2"))
			r.delivered(both, archive.DeliveryComplete)
			show("replaced by one scan", both)
		},
		"several-scans-failed": func(r *rig, show func(what, key string)) {
			r.Upload(both, []byte(strings.Replace(string(site.Saved("vc-a 2@1", "vc-b 1@1")), `"uid":"vc-b","issues":[`, `"uid":"vc-b","issues":[],"x":[`, 1)))
			r.delivered(both, archive.DeliveryFailed)
			show("one failed", both)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 })
			var got strings.Builder
			run(r, func(what, key string) { fmt.Fprintf(&got, "-- %s --\n%s\n", what, r.stored(key)) })
			file := filepath.Join("testdata", "document-"+name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// stored returns a delivery document as it is on S3, without random values,
// and with a fixed date.
func (r *rig) stored(key string) string {
	r.T.Helper()
	name := archive.DeliveryKey(key)
	out, err := r.S3.GetObject(r.T.Context(), &s3.GetObjectInput{Bucket: &r.Bucket, Key: &name})
	if err != nil {
		r.T.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	for _, c := range [][2]string{
		{site.Night.Format("dt=2006-01-02"), "dt=2026-11-22"}, {site.Night.Format("20060102T15"), "20261122T02"}, {site.Night.Format("2006-01-02T15:"), "2026-11-22T02:"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "<id>"}, {`"etag": "[^,]*"`, `"etag": "<etag>"`}, {`"mapping": "\w+"`, `"mapping": "<hash>"`},
		{`"(until|updatedAt|begunAt|timestamp|completedAt|since)": "[^"]*"`, `"$1": "<time>"`}, {`("startedAt": )"[^"]*"(,\s+"run": "raw/manual)`, `$1"<time>"$2`}, {`127\.\d+\.\d+\.\d+:\d+`, "<host>"},
		{`"bytes": \d+`, `"bytes": <number>`},
		{`(?s)("state": "sending",.*?"mapped": )\d+`, `${1}<number>`}, // the mapping is some batches ahead
	} {
		text = regexp.MustCompile(c[0]).ReplaceAll(text, []byte(c[1]))
	}
	return string(text)
}
