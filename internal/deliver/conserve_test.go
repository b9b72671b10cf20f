package deliver

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/telemetry"
)

// A scan whose events do not add up is not committed, fails loudly, and is counted.
func TestEventsThatDoNotAddUpFailTheScan(t *testing.T) {
	t.Parallel()
	var metrics bytes.Buffer
	f := &Deliverer{o: Options{Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(&metrics, "forwarder", time.Now)}}
	d := &delivery{f: f, key: "raw/v1/x"}
	lost := &target{scan: &archive.Scan{Mapped: 7, Accepted: 3, Quarantined: 1, Skipped: 2}}
	goOn, err := d.finish(t.Context(), lost, mapping.Result{Assessed: true})
	if !goOn || err != nil || lost.scan.State != archive.DeliveryFailed || !strings.Contains(lost.scan.Reason, "7 mapped, but 3 accepted + 1 quarantined + 2 skipped") {
		t.Errorf("%v %v %+v", goOn, err, lost.scan)
	}
	if !strings.Contains(metrics.String(), `"ConservationErrors":1`) {
		t.Errorf("metrics %s", metrics.String())
	}
}
