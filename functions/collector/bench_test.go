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
	// rounds is how often the results are archived in one process, so that memory that an
	// upload does not free counts.
	rounds = 3
	// minRatio is the least speed, as a part of the floor's; maxMemory is the most peak
	// memory, in MiB.
	minRatio  = 0.6
	maxMemory = 48
)

// BenchmarkArchive archives one check with very many objects by the deployed
// collector, and by a program that only downloads, compresses and uploads. Both
// speeds are of the uncompressed results, in MB/s; of-floor is the speed, and
// cpu-of-floor the CPU time, in proportion to that program's; peak memory is VmHWM,
// in MiB.
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
	var least, took, cpu, leastCPU time.Duration
	var floorMemory int64
	for b.Loop() {
		for range rounds {
			d, c := s.archiveOnce()
			took, cpu = took+d, cpu+c
			d, c, memory := s.floorOnce(floor)
			least, leastCPU, floorMemory = least+d, leastCPU+c, max(floorMemory, memory)
		}
	}
	speed := func(d time.Duration) float64 { return float64(size) * float64(b.N*rounds) / 1e6 / d.Seconds() }
	ratio, memory := speed(took)/speed(least), float64(s.function.MaxMemory())/(1<<20)
	b.ReportMetric(speed(took), "MB/s")
	b.ReportMetric(speed(least), "floor-MB/s")
	b.ReportMetric(ratio, "of-floor")
	b.ReportMetric(cpu.Seconds()*1e3/(float64(size)*float64(b.N*rounds)/1e6), "cpu-ms/MB")
	b.ReportMetric(cpu.Seconds()/leastCPU.Seconds(), "cpu-of-floor")
	b.ReportMetric(memory, "peak-MiB")
	b.ReportMetric(float64(floorMemory)/(1<<20), "floor-peak-MiB")
	if ratio < minRatio || memory > maxMemory {
		b.Logf("goals: %.1f of the floor at least, %d MiB at most", minRatio, maxMemory)
	}
}

// archiveOnce has the collector archive the results, and returns the time of the
// whole invocation, without the start of the process, and its CPU time.
func (s *site) archiveOnce() (took, cpu time.Duration) {
	s.Helper()
	const payload = `{"mode":"latest","force":true}`
	var before time.Duration
	if at := s.function.Current(); at != nil {
		before = at.CPUTime()
	}
	r := s.invoke(payload)
	if r.Err() != nil || !strings.Contains(string(r.Payload), `"state":"`+archive.RunDone+`"`) {
		s.Fatalf("%s answered %s", payload, r.Payload)
	}
	return r.Duration, s.function.Current().CPUTime() - before
}

// floorOnce runs the floor, and returns its time, its CPU time and its peak memory
// in bytes.
func (s *site) floorOnce(program string) (took, cpu time.Duration, memory int64) {
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
	memory, cpu = p.PeakMemory(), p.CPUTime()
	_ = end.Close()
	<-p.Exited()
	return time.Duration(ns), cpu, memory
}
