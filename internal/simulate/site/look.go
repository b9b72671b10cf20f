package site

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/store"
)

// Small sets batches of at most 10,000 bytes, so that each has a few events only.
func Small(c *forwarderconfig.Settings) { c.MaxBatchBytes = 10_000 }

// Answer writes the answer of Dynatrace to a request that it refuses with a status.
func Answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"no"}}`, status)
}

// Refusing returns a function for Site.SetIntercept that answers with a status to each request for
// whose body refuse returns true.
func Refusing(status int, refuse func(body string) bool) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, req *http.Request) bool {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		if !refuse(string(body)) {
			return false
		}
		Answer(w, status)
		return true
	}
}

// RefuseFrom answers all requests to the ingest with a status and a Retry-After of an
// hour, after the next n requests have passed.
func (s *Site) RefuseFrom(n, status int) {
	s.mu.Lock()
	from := s.Requests + n
	s.mu.Unlock()
	s.SetIntercept(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= from {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
		}
		return n >= from
	})
}

// Document returns the delivery document of a raw object; the zero value if
// there is none.
func (s *Site) Document(key string) archive.Delivery {
	s.T.Helper()
	d, err := s.Store.Delivery(s.T.Context(), key)
	if err != nil {
		s.T.Fatal(err)
	}
	return d.Value
}

// Expire lets the lease of a delivery run out. It fails the test if there is no lease.
func (s *Site) Expire(key string) {
	s.T.Helper()
	d, err := s.Store.Delivery(s.T.Context(), key)
	if err != nil || d.Value.Lease == nil {
		s.T.Fatalf("no lease of %s: %v", key, err)
	}
	d.Value.Lease.Until = time.Time{}
	if err := store.Save(s.T.Context(), s.Store, &d); err != nil {
		s.T.Fatal(err)
	}
}

// Shown fails the test unless Shows returns what is wanted, and unless the receiver
// found no fault in an event.
func (s *Site) Shown(want ...string) {
	s.T.Helper()
	if got := s.Shows(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Errorf("the dashboard shows %q, want %q", got, want)
	}
	if st := s.Receiver.Stats(); st.ShapeErrors > 0 || st.Stale > 0 {
		s.T.Errorf("%d shape errors %v, %d stale", st.ShapeErrors, st.Examples, st.Stale)
	}
}

// Shows returns what the dashboard shows, one text for each system:
// "<id> failed=<rows> passed=<rows> posture=<per cent>".
func (s *Site) Shows() []string {
	var shown []string
	for _, system := range s.Receiver.Tiles().Systems {
		shown = append(shown, fmt.Sprintf("%s failed=%d passed=%d posture=%d", system.ID, system.Rows.Failed, system.Rows.Passed, system.Posture()))
	}
	return shown
}

// Quarantined returns the documents in quarantine, by key.
func (s *Site) Quarantined() map[string]string {
	s.T.Helper()
	out, err := s.S3.ListObjectsV2(s.T.Context(), &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: aws.String(archive.QuarantinePrefix)})
	if err != nil {
		s.T.Fatal(err)
	}
	kept := map[string]string{}
	for _, o := range out.Contents {
		got, err := s.S3.GetObject(s.T.Context(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: o.Key})
		if err != nil {
			s.T.Fatal(err)
		}
		b, _ := io.ReadAll(got.Body)
		kept[*o.Key] = string(b)
	}
	return kept
}

// Counted returns the sum of a metric over all lines of Metrics.
func (s *Site) Counted(metric string) int64 {
	s.T.Helper()
	var sum int64
	for _, m := range regexp.MustCompile(`"`+metric+`":(\d+)`).FindAllStringSubmatch(s.Metrics.String(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			s.T.Fatal(err)
		}
		sum += n
	}
	return sum
}
