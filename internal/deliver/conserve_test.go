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

// A scan whose events do not add up is not committed. It fails, and a metric counts it.
func TestEventsThatDoNotAddUpFailTheScan(t *testing.T) {
	t.Parallel()
	var metrics bytes.Buffer
	f := &Deliverer{o: Options{Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(&metrics, "forwarder", time.Now)}}
	lost := &scan{SystemScan: archive.SystemScan{Scan: archive.Scan{Mapped: 7, Accepted: 3, Quarantined: 1, Skipped: 2}}}
	g := &generation{d: &delivery{Deliverer: f, key: "raw/v1/x"}, s: lost}
	end := g.finish(t.Context(), mapping.Result{Assessed: true}, true)
	lost.settle(end)
	if end.next != nextScan || end.cause() != nil || lost.State != archive.DeliveryFailed || !strings.Contains(lost.Reason, "7 mapped, but 3 accepted + 1 quarantined + 2 skipped") {
		t.Errorf("%+v %+v", end, lost.Scan)
	}
	if !strings.Contains(metrics.String(), `"ConservationErrors":1`) {
		t.Errorf("metrics %s", metrics.String())
	}
}
