package deliver_test

import (
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/site"
)

// Accepted bytes are counted, also of abandoned generations, since they are billed.
// Events are counted once per scan that is shown.
func TestAcceptedBytesAreCountedWhereTheyAreSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	k := r.Put(scan{System: "vc-a", Minute: 1, Failing: 60})
	r.RefuseFrom(3, 429)
	r.delivered(k, archive.DeliverySending)
	r.RefuseFrom(2, 429)
	r.delivered(k, archive.DeliverySending) // goes on
	r.SetIntercept(nil)
	r.Config.Mapping.Evidence = false // another mapping: begins anew
	r.delivered(k, archive.DeliveryComplete)
	if got, want := r.Counted("BytesAccepted"), r.Receiver.Stats().Bytes; got != want {
		t.Errorf("%d bytes are counted, %d were accepted", got, want)
	}
	if got := r.Counted("EventsAccepted"); got != 60 {
		t.Errorf("%d events are counted", got)
	}
}
