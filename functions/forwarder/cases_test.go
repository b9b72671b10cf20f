package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/store"
)

// These are ends that an earlier forwarder came to, and should not have: what it is
// given, and what must become of it. Each looks only at what any forwarder has to
// do with S3 and Dynatrace; go test -forwarder PATH plays them against another.

// bucketAPI is S3 as a person uses it.
func (s *site) bucketAPI() *s3.Client {
	return store.Client(aws.Config{
		BaseEndpoint: aws.String(s.s3.URL()), Region: s.s3.Region(),
		Credentials: credentials.NewStaticCredentialsProvider(s.s3.AccessKey(), s.s3.SecretKey(), ""),
	}, true)
}

// put writes an object as it is.
func (s *site) put(key, text string) {
	s.Helper()
	if _, err := s.bucketAPI().PutObject(s.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		s.Fatal(err)
	}
}

func (s *site) remove(key string) {
	s.Helper()
	if _, err := s.bucketAPI().DeleteObject(s.Context(), &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key}); err != nil {
		s.Fatal(err)
	}
}

// endsAs expects the delivery of an object to be in a state.
func (s *site) endsAs(key, state string) archive.Delivery {
	s.Helper()
	d := s.delivery(key).Value
	if d.State != state {
		s.Errorf("%s ends as %q, want %q: %s", key, d.State, state, d.Reason)
	}
	return d
}

// Vulnerabilities that are all refused end, and lie in quarantine.
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

// What was asked for is delivered, also without any result of compliance.
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

// A register that was deleted brings no old news back.
func TestDeletedRegister(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	first := s.archiveRules("vc", "vc", 1, rules("CIS", "PASS", 1))
	p.must(s.created(first))
	second := s.archiveRules("vc", "vc", 2, rules("CIS", "PASS", 2))
	third := s.archiveRules("vc", "vc", 3, rules("CIS", "PASS", 3))
	p.must(s.created(third))
	s.remove(archive.RegisterKey("vc"))
	p.must(sweep)
	s.endsAs(second, archive.DeliverySuperseded)
	if sys := s.receiver.Tiles().Systems; len(sys) != 1 || sys[0].Passed != 3 {
		t.Errorf("the dashboard shows %+v", sys)
	}
}

// An object that is refused as a whole, while others are accepted, is to blame.
func TestObjectRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), refusing(`:"bad"`))
	p := s.deploy(nil)
	good, bad := s.archiveRules("good", "good", 0, rules("CIS", "PASS", 2)), s.archiveRules("bad", "bad", 0, rules("CIS", "PASS", 150))
	p.must(s.created(good))
	p.invoke(s.created(bad))
	s.endsAs(bad, archive.DeliveryFailed)
}

// An archive that was copied as it is: of each system only the newest is sent.
func TestCopiedArchive(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	var keys []string
	for n := range 5 {
		keys = append(keys, s.archiveRules("vc", "vc", n, rules("CIS", "PASS", n+1)))
	}
	for _, key := range keys {
		p.must(s.created(key))
	}
	p.must(sweep)
	for i, key := range keys {
		s.endsAs(key, map[bool]string{true: archive.DeliveryComplete, false: archive.DeliverySuperseded}[i == len(keys)-1])
	}
	if n := s.receiver.Stats().Events[securityevent.TypeCompleted]; n != 1 {
		t.Errorf("%d scans were sent", n)
	}
}

// A record of another bucket keeps nothing from being delivered.
func TestRecordOfAnotherBucket(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "PASS", 1))
	event := s.created(key)
	foreign := strings.Replace(strings.TrimSuffix(event, "]}"), s.bucket, "another-bucket", 1)
	s.deploy(nil).invoke(foreign + "," + strings.TrimPrefix(event, `{"Records":[`))
	s.endsAs(key, archive.DeliveryComplete)
}

// What a sweep remembers only saves work: it may be damaged, or hold back nothing.
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

// An object that appears under a day long past, and whose trigger is lost, is
// delivered within a day.
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

// Words that are not known are named, where there is nothing else.
func TestUnknownStatusesAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "BROKEN", 3))
	s.deploy(nil).invoke(s.created(key))
	if d := s.endsAs(key, archive.DeliveryFailed); !strings.Contains(d.Reason, "BROKEN") {
		t.Errorf("the reason does not name the word: %s", d.Reason)
	}
}

// A replay of a system leaves alone one whose name begins with the same 40 characters.
func TestReplayOfASystemLeavesItsNamesakesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	long := strings.Repeat("x", 45)
	one, other := s.archiveRules("id-1", long+"1", 0, rules("CIS", "PASS", 1)), s.archiveRules("id-2", long+"2", 0, rules("CIS", "PASS", 1))
	p.must(s.created(one))
	p.must(s.created(other))
	p.must(fmt.Sprintf(`{"action":"replay","system":%q}`, long+"1.example"))
	if a, b := s.delivery(one).Value.Generation, s.delivery(other).Value.Generation; a != 2 || b != 1 {
		t.Errorf("generations %d and %d, want 2 and 1", a, b)
	}
}
