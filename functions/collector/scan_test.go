package main

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
)

// TestLongScan: an analysis takes longer than an invocation may. The first invocation ends
// in time and without an error, a tick goes on, and no system is triggered again.
func TestLongScan(t *testing.T) {
	t.Parallel()
	const (
		scanTime = 25 * time.Second
		timeout  = 20 * time.Second
		slack    = 10 * time.Second // for a busy machine
	)
	a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, ScanTime: scanTime, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	system := a.Systems()[0]
	sc := scene{start: nightly, systems: []string{system.ID}}
	s := &trial{
		newSite(t, options{s3: startS3(t), appliance: a, timeout: timeout, env: []string{"RUNECAST_SYSTEMS=" + system.Name}}),
		func() map[string]jsontext.Value { return elements(t, a.WriteResults) },
	}
	begin := time.Now()
	first := s.must(sc.start)
	if first.State != archive.RunRunning || s.active().Value.Lease != nil {
		t.Errorf("the first invocation left %+v, with the lease %v", first, s.active().Value.Lease)
	}
	if took := time.Since(begin); took > timeout*3/4+4*time.Second {
		t.Errorf("the first invocation left after %s of %s", took, timeout)
	}
	invocations := 1
	for s.active().Value.State == archive.RunRunning && time.Since(begin) < scanTime+timeout {
		s.must(tick)
		invocations++
	}
	s.checkArchived(sc, 0)
	took := time.Since(begin)
	if invocations != 2 || took < scanTime || took > scanTime+slack {
		t.Errorf("%d invocations in %s for a scan of %s", invocations, took, scanTime)
	}
	t.Logf("archived after %s by %d invocations of at most %s", took.Round(time.Millisecond), invocations, timeout)
}
