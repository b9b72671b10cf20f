package site

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// Night is the start of the last whole hour before the tests began, in UTC. Runs of
// scans begin in this hour, so that all of them have the same date.
var Night = time.Now().UTC().Add(-time.Hour).Truncate(time.Hour)

// Scan describes a raw object that a test archives.
type Scan struct {
	// System is the system's id.
	System string
	// Minute is the minute of Night's hour in which the run starts.
	Minute int
	// Lasts is how many minutes after the run's start the appliance finishes the
	// scan; 0: one.
	Lasts int
	// Failing is the number of objects that fail the rule CIS-1, Passing the number
	// of rules that pass.
	Failing, Passing int
	// Weak is the number of vulnerabilities, which are on the system.
	Weak int
	// Result, if it is not empty, is the whole result, instead of one made from the
	// numbers.
	Result string
}

// Key returns the key of the raw object.
func (s Scan) Key() string { return archive.RawKey(s.Started(), s.Run(), s.System, s.System) }

// Started returns when the run began.
func (s Scan) Started() time.Time { return Night.Add(time.Duration(s.Minute) * time.Minute) }

// Completed returns when the appliance finished the scan.
func (s Scan) Completed() time.Time {
	return s.Started().Add(time.Duration(cmp.Or(s.Lasts, 1)) * time.Minute)
}

// Run returns the id of the run.
func (s Scan) Run() string { return s.Started().Format("20060102T150405Z") + "-4f3a" }

// Body returns the result, an element of a v1 results document without its uid.
func (s Scan) Body() string {
	if s.Result != "" {
		return s.Result
	}
	var issues []string
	if s.Failing > 0 {
		var objects []string
		for i := range s.Failing {
			objects = append(objects, fmt.Sprintf(`{"vcUid":%q,"moid":"host-%d","name":"esx%d","type":"HostSystem","resultValues":[{"description":"d","value":"%d"}]}`, s.System, i, i, i))
		}
		issues = append(issues, fmt.Sprintf(`{"id":"1","issueDisplayId":"CIS-1","severity":"Critical","type":"CIS","title":"T","status":"FAIL","affectedObjectsCount":%d,"affectedObjects":[%s]}`,
			s.Failing, strings.Join(objects, ",")))
	}
	for i := range s.Passing {
		issues = append(issues, fmt.Sprintf(`{"id":"p%d","issueDisplayId":"CIS-P%d","severity":"Low","type":"CIS","title":"P","status":"PASS","affectedObjectsCount":0}`, i, i))
	}
	for i := range s.Weak {
		issues = append(issues, fmt.Sprintf(`{"id":"v%d","issueDisplayId":"VUL-%d","severity":"Major","type":"VUL","title":"V","status":"FAIL","affectedObjectsCount":0}`, i, i))
	}
	return `{"issues":[` + strings.Join(issues, ",") + `]}`
}

// Put archives a scan as the collector does, and returns its key.
func (s *Site) Put(scan Scan) string { return s.PutAs(scan.Key(), scan) }

// PutAs archives a scan under another key.
func (s *Site) PutAs(key string, scan Scan) string {
	s.T.Helper()
	_, err := s.Store.PutRaw(s.T.Context(), key, func(w io.Writer) error {
		err := archive.Envelope{
			Run:    archive.EnvelopeRun{ID: scan.Run(), Trigger: "schedule", StartedAt: scan.Started()},
			System: archive.System{ID: scan.System, Name: scan.System + ".example", Type: "VCENTER"},
			Scan:   archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: scan.Completed().Format(time.RFC3339)},
		}.WriteHead(w)
		if err == nil {
			_, err = io.WriteString(w, scan.Body()+"}")
		}
		return err
	})
	if errors.Is(err, store.ErrExists) && s.holds(key, scan) { // the answer was lost, and the SDK repeated the write
		err = nil
	}
	if err != nil {
		s.T.Fatal(err)
	}
	s.Date(key)
	return key
}

// holds reports whether the raw object under a key is of this scan's run and system.
func (s *Site) holds(key string, scan Scan) bool {
	s.T.Helper()
	_, envelope, err := s.Store.Inspect(s.T.Context(), key)
	if err != nil {
		s.T.Fatal(err)
	}
	return envelope.Run.ID == scan.Run() && envelope.System.ID == scan.System
}

// Date sets the time at which S3 stored an object to now, by the site's clock.
func (s *Site) Date(key string) {
	s.T.Helper()
	if err := s.Srv.Date(s.Bucket, key, s.Clock.Now()); err != nil {
		s.T.Fatal(err)
	}
}

// Upload stores a document as a person does, without the checks of Store.
func (s *Site) Upload(key string, body []byte) {
	s.T.Helper()
	if _, err := s.S3.PutObject(s.T.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: aws.String(key), Body: bytes.NewReader(body)}); err != nil {
		s.T.Fatal(err)
	}
	s.Date(key)
}

// Saved returns a v1 results document. Each system is given as "uid failing@minute": its
// uid, its number of failing objects, and the minute of its scan. It panics on
// another form.
func Saved(systems ...string) []byte {
	var elements []string
	for _, s := range systems {
		var uid string
		var failing, minute int
		if _, err := fmt.Sscanf(s, "%s %d@%d", &uid, &failing, &minute); err != nil {
			panic(err)
		}
		elements = append(elements, fmt.Sprintf(`{"uid":%q,"issues":%s,"scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":%q}}`,
			uid, strings.TrimSuffix(strings.TrimPrefix(Scan{System: uid, Failing: failing, Passing: 1}.Body(), `{"issues":`), "}"), Scan{Minute: minute}.Started().Format(time.RFC3339)))
	}
	return []byte(`{"results":[null,` + strings.Join(elements, ",") + `]}`)
}

// Packed returns a document compressed by gzip.
func Packed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}
