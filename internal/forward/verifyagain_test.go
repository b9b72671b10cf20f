package forward_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// The new generation of a replayed scan is verified, too.
func TestReplayIsVerified(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	f := r.verifier(twoTokens, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 10})
	r.delivered(k, archive.DeliveryComplete)
	r.verify(f, time.Hour)
	r.replayed(key(k))
	if a := r.Document(k).Arrival; a.State != archive.ArrivalUnknown || !a.At.IsZero() {
		t.Errorf("%+v", a)
	}
	if a := r.verify(f, 6*time.Minute); a.Proven != 1 {
		t.Errorf("%+v", a)
	}
}

// A document of several systems has an arrival of each, and their sum.
func TestArrivalOfSeveralSystems(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Receiver.SetIndexing(receiver.Indexing{LoseEvery: 5})
	r.Upload("raw/manual/both.json", site.Saved("vc-a 3@1", "vc-b 2@1"))
	r.delivered("raw/manual/both.json", archive.DeliveryComplete)
	a := r.verify(r.verifier(twoTokens, nil), 6*time.Minute)
	d := r.Document("raw/manual/both.json")
	if a.Asked != 2 || a.Proven != 1 || a.Short != 1 || a.Missing != 1 || d.Arrival.State != archive.ArrivalShort || d.Arrival.Expected != 7 || d.Arrival.Missing() != 1 ||
		d.Scans[0].Arrival.State != archive.ArrivalProven || d.Scans[1].Arrival.State != archive.ArrivalShort {
		t.Errorf("%+v\n%+v", a, d)
	}
}

// One object is asked for at once, whatever the time.
func TestVerifyOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	f := r.verifier(twoTokens, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	a, err := f.Verify(t.Context(), []byte(`{"action":"verify",`+key(k)+`}`))
	if err != nil || a.Proven != 1 || r.Document(k).Arrival.State != archive.ArrivalProven {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = f.Verify(t.Context(), []byte(`{"action":"verify","key":"raw/v1/none.json.gz"}`))
	if err != nil || a.Asked != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, odd := range []string{`{"action":"verify","key":"delivery/x"}`, `{"action":"verify","kee":"raw/x"}`} {
		if _, err := f.Verify(t.Context(), []byte(odd)); fault.ClassOf(err) != fault.Reject {
			t.Errorf("%s: %v", odd, err)
		}
	}
}

// With RESEND_MISSING a scan that stays short is sent again, once, in a new generation. If
// the query token sees no rows at all, no scan is sent again.
func TestResendMissing(t *testing.T) {
	t.Parallel()
	srv := site.StartS3(t)
	for name, c := range map[string]struct {
		resend bool
		lose   int
		want   int // generation in the end
		state  string
	}{
		"off":             {false, 10, 1, archive.ArrivalShort},
		"on":              {true, 10, 2, archive.ArrivalProven},
		"nothing is seen": {true, 1, 1, archive.ArrivalShort},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigOn(t, srv, "resend-"+strings.ReplaceAll(name, " ", "-"), nil)
			r.Receiver.SetIndexing(receiver.Indexing{LoseEvery: c.lose, LoseScanEvents: c.lose == 1})
			k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30})
			r.delivered(k, archive.DeliveryComplete)
			f := r.verifier(twoTokens, func(o *forward.Options) { o.ResendMissing = c.resend })
			r.verify(f, time.Hour)
			r.Receiver.SetIndexing(receiver.Indexing{})
			a := r.verify(f, time.Hour)
			if (a.Resent == 1) != (c.want == 2) || r.counted("RowsMissing") < 3 {
				t.Errorf("%+v", a)
			}
			r.verify(f, time.Hour)
			if d := r.Document(k); d.Generation != c.want || d.Arrival.State != c.state || d.State != archive.DeliveryComplete {
				t.Errorf("%+v, arrival %+v", d, d.Arrival)
			}
		})
	}
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		r := rigOn(t, srv, "resend-once", nil)
		r.Receiver.SetIndexing(receiver.Indexing{LoseEvery: 10})
		k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 30})
		r.delivered(k, archive.DeliveryComplete)
		f := r.verifier(twoTokens, func(o *forward.Options) { o.ResendMissing = true })
		for range 5 {
			r.verify(f, time.Hour)
		}
		if d := r.Document(k); d.Generation != 2 || d.Arrival.State != archive.ArrivalShort {
			t.Errorf("generation %d, %+v", d.Generation, d.Arrival)
		}
	})
}

// The document of a delivery that is under way is not written.
func TestVerifyLeavesDeliveriesAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	f := r.verifier(twoTokens, nil)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 3})
	r.delivered(k, archive.DeliveryComplete)
	d, err := r.Store.Delivery(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	d.Value.State, d.Value.Lease = archive.DeliverySending, &archive.Lease{Owner: "o", Until: time.Now().Add(time.Hour)}
	if err := store.Save(t.Context(), r.Store, &d); err != nil {
		t.Fatal(err)
	}
	a := r.verify(f, time.Hour)
	now, err := r.Store.Delivery(t.Context(), k)
	if err != nil || a.Asked != 0 || now.ETag != d.ETag {
		t.Errorf("%+v, %v", a, err)
	}
	if m, _ := r.Store.Verify(t.Context()); len(m.Value.Settled) != 0 {
		t.Error("it is settled")
	}
	// A document that a delivery writes between question and answer stays as it is.
	d.Value.State, d.Value.Lease = archive.DeliveryComplete, nil
	if err := store.Save(t.Context(), r.Store, &d); err != nil {
		t.Fatal(err)
	}
	r.SetInterceptQuery(func(http.ResponseWriter, *http.Request) bool {
		d.Value.Reason = "taken"
		if err := store.Save(t.Context(), r.Store, &d); err != nil {
			t.Error(err)
		}
		return false
	})
	r.verify(f, time.Minute)
	if got := r.Document(k); got.Reason != "taken" || got.Arrival.State != archive.ArrivalUnknown {
		t.Errorf("%+v", got)
	}
	r.SetInterceptQuery(nil)
	if a := r.verify(f, time.Minute); a.Proven != 1 {
		t.Errorf("it is not asked again: %+v", a)
	}
}
