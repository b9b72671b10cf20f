package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/child"
)

const (
	// sizeVariable says how large the results are, in MB.
	sizeVariable = "RESULTS_MB"
	defaultSize  = 200
	// rounds are archived in one process: what one upload leaves behind counts
	// for the memory of the next.
	rounds = 3
	// minRatio and maxMemory are the goals: of the floor's speed, and in MiB.
	minRatio  = 0.6
	maxMemory = 64
)

// BenchmarkArchive archives one check with very many objects by the deployed
// collector, and by a program that only downloads, compresses and uploads. Both
// speeds are of the uncompressed results, in MB/s; peak memory is VmHWM, in MiB.
func BenchmarkArchive(b *testing.B) {
	size := int64(defaultSize)
	if text := os.Getenv(sizeVariable); text != "" {
		n, err := strconv.ParseUint(text, 10, 20)
		if err != nil || n == 0 {
			b.Fatalf("%s=%q is not a number of megabytes", sizeVariable, text)
		}
		size = int64(n)
	}
	size *= 1_000_000
	floor := filepath.Join(b.TempDir(), "floor")
	if err := build(floor, "./testdata/floor"); err != nil {
		b.Fatal(err)
	}
	s := newSite(b, options{s3: startS3(b), appliance: &stream{block: machines(8 << 20), size: size}, timeout: 15 * time.Minute, direct: true})
	var least, took time.Duration
	var floorMemory int64
	for b.Loop() {
		for range rounds {
			took += s.archiveOnce()
			d, memory := s.floorOnce(floor)
			least, floorMemory = least+d, max(floorMemory, memory)
		}
	}
	speed := func(d time.Duration) float64 { return float64(size) * float64(b.N*rounds) / 1e6 / d.Seconds() }
	ratio, memory := speed(took)/speed(least), float64(s.function.MaxMemory())/(1<<20)
	b.ReportMetric(speed(took), "MB/s")
	b.ReportMetric(speed(least), "floor-MB/s")
	b.ReportMetric(ratio, "of-floor")
	b.ReportMetric(memory, "peak-MiB")
	b.ReportMetric(float64(floorMemory)/(1<<20), "floor-peak-MiB")
	if ratio < minRatio || memory > maxMemory {
		b.Logf("goals: %.1f of the floor at least, %d MiB at most", minRatio, maxMemory)
	}
}

// archiveOnce has the collector archive the results, and says how long the
// whole invocation took, without the start of the process.
func (s *site) archiveOnce() time.Duration {
	s.Helper()
	const payload = `{"mode":"latest","force":true}`
	r := s.invoke(payload)
	if r.Err() != nil || !strings.Contains(string(r.Payload), `"state":"`+archive.RunDone+`"`) {
		s.Fatalf("%s answered %s", payload, r.Payload)
	}
	return r.Duration
}

// floorOnce runs the floor, and returns its time and its peak memory in bytes.
func (s *site) floorOnce(program string) (time.Duration, int64) {
	s.Helper()
	cmd := exec.Command(program)
	cmd.Env, cmd.Stderr = append(s.env, "CA_PEM="+s.ca), os.Stderr
	end, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer pr.Close()
	cmd.Stdout = pw
	p, err := child.Start(cmd)
	_ = pw.Close()
	if err != nil {
		s.Fatal(err)
	}
	defer p.Kill()
	line, err := bufio.NewReader(pr).ReadString('\n')
	if err != nil {
		s.Fatal("the floor failed")
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		s.Fatal(err)
	}
	memory := p.PeakMemory()
	_ = end.Close()
	<-p.Exited()
	return time.Duration(ns), memory
}
