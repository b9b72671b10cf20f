package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
)

// The delivery of an object that is refused as a whole, while others are accepted, fails.
// An earlier forwarder took Dynatrace for down, and sent the object again in each sweep.
func TestObjectRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), refusing(`:"bad"`))
	p := s.deploy(nil)
	good, bad := s.archiveRules("good", "good", 0, rules("CIS", "PASS", 2)), s.archiveRules("bad", "bad", 0, rules("CIS", "PASS", 150))
	p.must(s.created(good))
	p.invoke(s.created(bad))
	s.endsAs(bad, archive.DeliveryFailed)
}

// The pace of a replay holds for every invocation that goes on with it: the sweep, a
// trigger, and a call that begins anew. An earlier forwarder kept to it within one
// invocation only, so that the sweep sent all the rest at once.
func TestPaceHoldsForWhoeverGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	p := s.deploy(nil)
	const findings = 60
	key := s.archiveRules("vc", "vc", 0, rules("CIS", "FAIL", findings))
	p.must(s.created(key))
	// The next event is due long after the invocation has ended, which therefore does
	// not wait for it.
	replay := fmt.Sprintf(`{"action":"replay","key":%q,"maxEventsPerSecond":0.01}`, key)
	p.must(replay)
	sent := s.receiver.Stats().Events[securityevent.TypeFinding]
	if sent <= findings {
		t.Fatalf("%d findings were sent by the first delivery and the replay", sent)
	}
	for _, payload := range []string{sweep, replay, s.created(key), sweep} {
		p.must(payload)
		if n := s.receiver.Stats().Events[securityevent.TypeFinding]; n != sent {
			t.Errorf("%s sent %d findings at once, at a pace of one in 100 seconds", payload, n-sent)
		}
	}
	s.endsAs(key, archive.DeliverySending)
}

// An object that cannot be delivered, because its delivery document is damaged, costs each
// sweep only its own reads. An earlier forwarder read the delivery documents of all newer
// objects in each sweep, as long as the document was damaged.
func TestUnreadableObjectDoesNotPinTheSweep(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	const delivered, day = 30, 24 * 60
	for n := range delivered {
		s.isDelivered(s.archiveRules("vc", "vc", -(n+3)*day, rules("CIS", "PASS", 1)))
	}
	bad := s.archiveRules("bad", "bad", -(delivered+5)*day, rules("CIS", "PASS", 1))
	s.put(archive.DeliveryKey(bad), "{nonsense")
	p := s.deploy(nil)
	reads := func() int {
		return len(p.gate.Passed("GET /" + s.bucket + "/" + archive.DeliveryPrefix + archive.RawPrefix))
	}
	p.invoke(sweep) // looks at everything
	if n := reads(); n < delivered {
		t.Errorf("the first sweep read %d delivery documents", n)
	}
	for range 2 {
		before := reads()
		p.invoke(sweep)
		if n := reads() - before; n > 5 {
			t.Errorf("a sweep read %d delivery documents, where all but one are known to have ended", n)
		}
	}
}

// isDelivered writes a delivery document that says that the delivery is complete.
func (s *site) isDelivered(key string) {
	s.Helper()
	info, err := s.store.Head(s.Context(), key)
	if err != nil {
		s.Fatal(err)
	}
	document, err := json.Marshal(archive.Delivery{
		Header: archive.Header{Schema: archive.DeliverySchema, WriteID: key}, RawKey: key, ETag: info.ETag,
		Scan: archive.Scan{State: archive.DeliveryComplete, Generation: 1}, Mapping: "m", UpdatedAt: time.Now(),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.put(archive.DeliveryKey(key), string(document))
}
