package deliver_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

func TestScanIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 50, Passing: 3})
	out := r.delivered(key, archive.DeliveryComplete)
	if out.Scan.Mapped != 53 || out.Scan.Accepted != 53 || out.Scan.Generation != 1 || out.Scan.Requests < 5 {
		t.Errorf("outcome %+v", out)
	}
	r.Shown("vc-a failed=50 passed=3 posture=75")
	st := r.Receiver.Stats()
	if st.Bytes != out.Scan.Bytes || int64(st.Requests) != 0 && int64(st.Requests) != out.Scan.Requests {
		t.Errorf("document says %d bytes, the receiver %d", out.Scan.Bytes, st.Bytes)
	}
	if st.DuplicateEvents+st.DuplicateFindings > 0 {
		t.Errorf("%d events, %d findings twice", st.DuplicateEvents, st.DuplicateFindings)
	}
	d := r.Document(key)
	if d.Lease != nil || d.RawKey != key || d.Order.Run != out.Scan.Order.Run || d.Mapping == "" || d.State != archive.DeliveryComplete {
		t.Errorf("document %+v", d)
	}

	for _, metric := range []string{`"ScansCommitted":1`, `"EventsAccepted":53`, fmt.Sprintf(`"Requests":%d`, r.Requests), fmt.Sprintf(`"BytesAccepted":%d`, st.Bytes)} {
		if !strings.Contains(r.Metrics.String(), metric) {
			t.Errorf("no metric %s in %s", metric, r.Metrics.String())
		}
	}

	before := r.Requests
	r.Metrics.Reset()
	again := r.delivered(key, archive.DeliveryComplete) // the same event once more
	r.Config.Mapping.Evidence = false                   // and after a deployment with another mapping
	r.delivered(key, archive.DeliveryComplete)
	if r.Requests != before || r.Metrics.String() != "" || again.Scan.ScanID != out.Scan.ScanID {
		t.Errorf("a repeated trigger sent %d requests", r.Requests-before)
	}
}

// The scan event is the commit: it must come after every finding.
func TestScanCompletedComesLast(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 100}), archive.DeliveryComplete)
	last := len(r.Bodies) - 1
	for i, b := range r.Bodies {
		if has := strings.Contains(b, securityevent.TypeCompleted); has != (i == last) {
			t.Errorf("body %d of %d: completed=%v", i, last, has)
		}
		if i == last && strings.Contains(b, `"COMPLIANCE_FINDING"`) {
			t.Error("findings travel with the commit")
		}
	}
}

func TestNoCommitUnlessEverythingWasAccepted(t *testing.T) {
	t.Parallel()
	envelope := `{"error":{"code":%d,"message":"no"}}`
	for name, c := range map[string]struct {
		status int
		class  fault.Class
	}{
		"401": {401, fault.Auth},
		"403": {403, fault.Auth},
		"404": {404, fault.Config},
		"307": {307, fault.Config},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, site.Small)
			r.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n != 3 {
					return false
				}
				w.WriteHeader(c.status)
				_, _ = fmt.Fprintf(w, envelope, c.status)
				return true
			})
			key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 100})
			if _, err := r.deliver(key); fault.ClassOf(err) != c.class {
				t.Fatalf("class %s: %v", fault.ClassOf(err), err)
			}
			r.Shown()
			for _, b := range r.Bodies {
				if strings.Contains(b, securityevent.TypeCompleted) {
					t.Error("the scan was committed")
				}
			}
			d := r.Document(key)
			if d.State != archive.DeliverySending || d.Lease != nil || d.Doubt || d.Reason == "" {
				t.Errorf("not released: %+v", d)
			}
			r.SetIntercept(nil) // healed: the same generation goes on
			if out := r.delivered(key, archive.DeliveryComplete); out.Scan.Generation != 1 {
				t.Errorf("generation %d", out.Scan.Generation)
			}
			r.Shown("vc-a failed=100 passed=0 posture=0")
			if st := r.Receiver.Stats(); st.DuplicateFindings > 0 {
				t.Errorf("%d findings twice", st.DuplicateFindings)
			}
		})
	}
}

// A request that is refused for now is repeated after a wait. A request in doubt is never
// repeated under the same scan id.
func TestFaultsNeitherLoseNorDouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault      func(r *rig, w http.ResponseWriter, req *http.Request)
		generation int
	}{
		"429": {func(_ *rig, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, 1},
		"503": {func(_ *rig, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"error":{"code":503}}`)
		}, 1},
		"500 although it was accepted": {func(r *rig, w http.ResponseWriter, req *http.Request) {
			r.Receiver.Ingest(httptest.NewRecorder(), req)
			w.WriteHeader(500)
		}, 2},
		"answer lost although it was accepted": {func(r *rig, _ http.ResponseWriter, req *http.Request) {
			r.Receiver.Ingest(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}, 2},
		"answer lost, not accepted": {func(*rig, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 2},
	} {
		for _, at := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s at request %d", name, at), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, site.Small)
				r.SetIntercept(func(n int, w http.ResponseWriter, req *http.Request) bool {
					if n == at {
						c.fault(r, w, req)
					}
					return n == at
				})
				out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 100, Passing: 1}), archive.DeliveryComplete)
				if out.Scan.Generation != c.generation {
					t.Errorf("generation %d, want %d", out.Scan.Generation, c.generation)
				}
				r.Shown("vc-a failed=100 passed=1 posture=50")
			})
		}
	}
}

func TestLostAnswerToTheCommitIsRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	lost := false
	r.SetIntercept(func(_ int, _ http.ResponseWriter, req *http.Request) bool {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		if lost || !strings.Contains(string(body), securityevent.TypeCompleted) {
			return false
		}
		lost = true
		r.Receiver.Ingest(httptest.NewRecorder(), req)
		panic(http.ErrAbortHandler)
	})
	out := r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 10}), archive.DeliveryComplete)
	if out.Scan.Generation != 1 || !lost {
		t.Errorf("generation %d, lost=%v", out.Scan.Generation, lost)
	}
	r.Shown("vc-a failed=10 passed=0 posture=0")
}

func TestOldNewsNeverReplacesNew(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	older := r.Put(scan{System: "vc-a", Minute: 1, Failing: 5})
	newer := r.Put(scan{System: "vc-a", Minute: 2, Failing: 2, Passing: 1})
	r.delivered(newer, archive.DeliveryComplete)
	out := r.delivered(older, archive.DeliverySuperseded)
	if out.Scan.Requests != 0 || !strings.Contains(out.Reason, newer) {
		t.Errorf("%+v", out)
	}
	r.Shown("vc-a failed=2 passed=1 posture=50")
	r.delivered(r.Put(scan{System: "vc-a", Minute: 3, Passing: 1}), archive.DeliveryComplete)
	r.Shown("vc-a failed=0 passed=1 posture=100")
}

func TestSystemsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	var wg sync.WaitGroup
	d := deliver.New(r.Options())
	for i, name := range []string{"vc-a", "vc-b", "vc-c"} {
		key := r.Put(scan{System: name, Minute: i, Failing: 30, Passing: 1})
		for range 2 { // each event comes twice at the same time
			wg.Go(func() {
				if _, err := d.Deliver(t.Context(), key, deliver.WindowOf(t.Context(), r.Clock.Now()), deliver.Request{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	r.Shown("vc-a failed=30 passed=1 posture=50", "vc-b failed=30 passed=1 posture=50", "vc-c failed=30 passed=1 posture=50")
	if n := r.Receiver.Tiles().Resources; n != 93 {
		t.Errorf("%d resources, want 93: hosts of two vCenters were merged", n)
	}
}

func TestWhatTheObjectIsToBlameForIsRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ result, says string }{
		"malformed":          {`{"issues":[{]}`, "not valid JSON"},
		"no compliance":      {`{"issues":[{"id":"1","type":"KB","status":"FAIL"}]}`, "enable security profiles"},
		"empty":              {`{"issues":[]}`, "enable security profiles"},
		"unlicensed":         {`{"issues":[{"id":"1","type":"CIS","status":"UNLICENSED"}]}`, "licence"},
		"html in the result": {`"<html>"`, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			key := r.Put(scan{System: "vc-a", Minute: 1, Result: c.result})
			out := r.delivered(key, archive.DeliveryFailed)
			if !strings.Contains(out.Reason, c.says) || r.Document(key).Reason != out.Reason {
				t.Errorf("reason %q", out.Reason)
			}
			r.delivered(key, archive.DeliveryFailed) // done as far as triggers are concerned
			r.Shown()
			if st := r.Receiver.Stats(); st.Accepted != 0 {
				t.Errorf("%d events were sent", st.Accepted)
			}
		})
	}
}

func TestObjectThatIsNoRawObjectIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for key, body := range map[string]string{"raw/v1/html": "<html>", "raw/v1/cut": "\x1f\x8b\x08", "raw/v1/empty": "", "raw/v1/a b+c%/ü": "[]"} {
		if _, err := r.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.Bucket, Key: aws.String(key), Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		out := r.delivered(key, archive.DeliveryFailed)
		if out.Reason == "" || r.Document(key).ETag == "" {
			t.Errorf("%s: %+v", key, out)
		}
	}
	if _, err := r.deliver("raw/v1/none"); err == nil || fault.ClassOf(err) != fault.Reject {
		t.Errorf("missing object: %v", err)
	}
}
