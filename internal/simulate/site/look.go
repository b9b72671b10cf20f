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

// Small makes many batches of a few events.
func Small(c *forwarderconfig.Settings) { c.MaxBatchBytes = 10_000 }

// Answer is what Dynatrace says to a request that it does not take.
func Answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"no"}}`, status)
}

// Refusing answers with a status whatever body refuse is true of.
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

// RefuseFrom lets the receiver refuse for now from its n-th next request on.
func (s *Site) RefuseFrom(n, status int) {
	from := s.Requests + n
	s.Intercept = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n >= from {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
		}
		return n >= from
	}
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

// Expire lets the lease of a delivery run out.
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

// Shown expects what the dashboard shows: rows and posture per system.
func (s *Site) Shown(want ...string) {
	s.T.Helper()
	if got := s.Shows(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Errorf("the dashboard shows %q, want %q", got, want)
	}
	if st := s.Receiver.Stats(); st.ShapeErrors > 0 || st.Stale > 0 {
		s.T.Errorf("%d shape errors %v, %d stale", st.ShapeErrors, st.Examples, st.Stale)
	}
}

// Shows returns what the dashboard shows: rows and posture per system.
func (s *Site) Shows() []string {
	var shown []string
	for _, system := range s.Receiver.Tiles().Systems {
		shown = append(shown, fmt.Sprintf("%s failed=%d passed=%d posture=%d", system.ID, system.Rows.Failed, system.Rows.Passed, system.Posture()))
	}
	return shown
}

// Quarantined returns the documents in quarantine by their keys.
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

// Counted sums up a metric over all invocations.
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
