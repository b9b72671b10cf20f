package forward_test

import (
	"regexp"
	"strconv"
	"testing"

	"runecast-ingest/internal/archive"
)

// counted sums up a metric over all invocations.
func (r *rig) counted(metric string) int64 {
	r.t.Helper()
	var sum int64
	for _, m := range regexp.MustCompile(`"`+metric+`":(\d+)`).FindAllStringSubmatch(r.metrics.String(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// Bytes are billed when they are accepted, whatever becomes of their
// generation; events are counted once per scan that is shown.
func TestAcceptedBytesAreCountedWhereTheyAreSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	k := r.put(scan{system: "vc-a", minute: 1, failing: 60})
	r.refuseFrom(3, 429)
	r.delivered(k, archive.DeliverySending)
	r.refuseFrom(2, 429)
	r.delivered(k, archive.DeliverySending) // goes on
	r.intercept = nil
	r.config.Mapping.Evidence = false // another mapping: begins anew
	r.delivered(k, archive.DeliveryComplete)
	if got, want := r.counted("BytesAccepted"), r.receiver.Stats().Bytes; got != want {
		t.Errorf("%d bytes are counted, %d were accepted", got, want)
	}
	if got := r.counted("EventsAccepted"); got != 60 {
		t.Errorf("%d events are counted", got)
	}
}
