package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

// An object that appears under a day long past, and whose event is lost, is delivered
// within a day. An earlier forwarder did not look back so far, and said that all is
// delivered.
func TestLateObject(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
	p.must(sweep)
	late := s.archiveRules("late", "late", -6*24*60, rules("CIS", "PASS", 1))
	out, err := s.bucketAPI().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String("delivery/sweep.json")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.put("delivery/sweep.json", regexp.MustCompile(`"fullLookAt": *"[^"]*"`).ReplaceAllString(string(text), `"fullLookAt":"2020-01-01T00:00:00Z"`)) // a day passes
	p.must(sweep)
	s.endsAs(late, archive.DeliveryComplete)
}

// A sweep document that is damaged, or has times of a clock that was ahead, does not keep
// an object from being delivered. The sweeps of an earlier forwarder ended with an error
// as long as the document was damaged, and did nothing before the time in it.
func TestSweepThatRemembersWrongly(t *testing.T) {
	t.Parallel()
	server := startS3(t)
	for name, text := range map[string]string{
		"cut off": `{"schema":"runecast-sweep/1","from":"2026`,
		// As after a sweep of a clock that was ahead, a day and more ago.
		"ahead of time": `{"schema":"runecast-sweep/1","writeId":"x","from":"2090-01-01T00:00:00Z","fullLookAt":"2020-01-01T00:00:00Z","updatedAt":"2020-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, server, nil)
			key := s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
			s.put("delivery/sweep.json", text)
			s.deploy(nil).invoke(sweep)
			s.endsAs(key, archive.DeliveryComplete)
		})
	}
}

// If all vulnerabilities of a scan are refused, they lie in quarantine and the delivery
// ends. An earlier forwarder sent each of them by itself, kept none, and took the delivery
// for complete.
func TestRefusedVulnerabilitiesEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), refusing(`"`+securityevent.TypeVulnerability+`"`))
	key := s.archiveWeak()
	s.deploy(nil, "INCLUDE_TYPES=VUL").invoke(s.created(key))
	d := s.delivery(key).Value
	if n := s.receiver.Stats().Requests; d.State == archive.DeliveryComplete || d.Quarantined == 0 || n > 250 {
		t.Errorf("%d requests, %d quarantined, %s", n, d.Quarantined, d.State)
	}
}

// A scan is delivered also if it has only results of other types that the settings
// include. An earlier forwarder failed such a scan, and advised to enable security
// profiles.
func TestVulnerabilitiesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("alone", "alone", 0, append(rules("VUL", "FAIL", 7), rules("KB", "FAIL", 1)...))
	s.deploy(nil, "INCLUDE_TYPES=VUL").must(s.created(key))
	s.endsAs(key, archive.DeliveryComplete)
	if n := len(s.arrived()); n != 7 {
		t.Errorf("%d vulnerabilities came", n)
	}
}

// A record of another bucket in an event does not keep the other objects from being
// delivered. An earlier forwarder refused the event as a whole.
func TestRecordOfAnotherBucket(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
	event := s.created(key)
	foreign := strings.Replace(strings.TrimSuffix(event, "]}"), s.bucket, "another-bucket", 1)
	s.deploy(nil).invoke(foreign + "," + strings.TrimPrefix(event, `{"Records":[`))
	s.endsAs(key, archive.DeliveryComplete)
}

// Each document is written with a checksum that S3 verifies and keeps, whatever the AWS
// configuration says. An earlier forwarder relied on the configuration, and wrote none
// where that was loaded in another way, as in tests.
func TestDocumentsCarryAChecksum(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
	s.deploy(nil, "AWS_REQUEST_CHECKSUM_CALCULATION=when_required").must(s.created(key))
	for _, document := range []string{archive.DeliveryKey(key), archive.RegisterKey("vc")} {
		out, err := s.bucketAPI().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: &document, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || aws.ToString(out.ChecksumCRC32) == "" {
			t.Errorf("S3 keeps no checksum of %s (%v)", document, err)
		}
	}
}
