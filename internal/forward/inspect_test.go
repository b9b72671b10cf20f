package forward_test

import (
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/site"
)

// The actions status and quarantine show what was delivered, what is open and what was
// refused, down to one event. Neither sends or writes anything.
func TestStatusOfWhatWasDelivered(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.SetIntercept(site.Refusing(400, func(b string) bool { return strings.Contains(b, `/host-7"`) }))
	key := r.Put(scan{System: "vc-a", Minute: 1, Failing: 20})
	r.delivered(key, archive.DeliveryComplete)
	waits := r.Put(scan{System: "vc-b", Minute: 2, Failing: 1})
	before := r.Requests
	got, err := r.invoke(`{"action":"status"}`)
	rep, ok := got.(payload.StatusAnswer)
	if err != nil || !ok || rep.Complete != 1 || rep.Pending != 1 || rep.Quarantined != 1 || len(rep.Systems) != 2 || rep.Attention[0].Key != waits || rep.Attention[1].Key != key {
		t.Fatalf("%+v %v", got, err)
	}
	if c := rep.Systems[0].Committed; rep.Systems[0].System != "vc-a.example" || c == nil || c.RawKey != key || rep.Systems[1].Committed != nil {
		t.Errorf("%+v", rep.Systems)
	}
	got, err = r.invoke(fmt.Sprintf(`{"action":"quarantine","key":%q}`, key))
	q, ok := got.(payload.QuarantineAnswer)
	if err != nil || !ok || len(q.Refused) != 1 || q.Refused[0].Index != 7 || !strings.Contains(q.Refused[0].ObjectID, "host-7") || !strings.Contains(q.Refused[0].Answer, "400") || q.Refused[0].Event != nil {
		t.Errorf("%+v %v", got, err)
	}
	got, err = r.invoke(fmt.Sprintf(`{"action":"quarantine","key":%q,"index":7}`, key))
	if q, ok := got.(payload.QuarantineAnswer); err != nil || !ok || len(q.Refused) != 1 || !strings.Contains(string(q.Refused[0].Event), "host-7") {
		t.Errorf("%+v %v", got, err)
	}
	for _, text := range []string{`{"action":"status","since":7}`, `{"action":"quarantine","key":7}`, `{"action":"quarantine","index":7}`, `{"action":"sweep","dryRun":true}`} {
		if got, err := r.invoke(text); err == nil || fault.ClassOf(err) != fault.Reject {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if r.Requests != before || r.Document(waits).State != "" {
		t.Error("asking has sent or written something")
	}
}
