package dynatrace

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/grail"
)

// The query that the forwarder sends is that of arrival.dql, whose fields are compared
// with the events.
func TestArrivalIsTheForwardersQuery(t *testing.T) {
	t.Parallel()
	s := grail.Scans{
		IDs: []string{"00000000-0000-4000-8000-000000000000"}, Bucket: grail.Bucket,
		From: time.Date(2026, 11, 22, 2, 5, 0, 0, time.UTC), To: time.Date(2026, 11, 22, 2, 15, 0, 0, time.UTC),
	}
	var lines []string
	for line := range strings.Lines(readQuery(t, "arrival")) {
		if !strings.HasPrefix(line, "//") {
			lines = append(lines, line)
		}
	}
	if d := cmp.Diff(s.Query(), strings.Join(lines, "")); d != "" {
		t.Errorf("- sent, + queries/arrival.dql:\n%s", d)
	}
}
