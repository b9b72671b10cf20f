package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	// benchVariable says how large the results are, in MB.
	benchVariable = "RESULTS_MB"
	benchDefault  = 50
	// benchRounds is how often the analysis is delivered in one process, each time followed
	// by a run of the floor.
	benchRounds = 3
	// benchChecks share the findings of a usual estate.
	benchChecks = 400
	// The goals: of the floor's speed, findings in a second, MiB.
	goalRatio, goalSpeed, goalMemory = 0.35, 100_000, 96
)

// BenchmarkDeliver delivers an archived analysis by the deployed forwarder, and
// posts as many bytes by a program that does nothing else. raw-MB/s and
// sent-MB/s are uncompressed; of-floor is the speed, and cpu-of-floor the CPU
// time, in proportion to that program's; peak memory is VmHWM.
func BenchmarkDeliver(b *testing.B) {
	megabytes := uint64(benchDefault)
	if text := os.Getenv(benchVariable); text != "" {
		var err error
		if megabytes, err = strconv.ParseUint(text, 10, 20); err != nil || megabytes == 0 {
			b.Fatalf("%s=%q is not a number of megabytes", benchVariable, text)
		}
	}
	perObject := int(newEstate(1, 100_000).size(b) / 100_000)
	objects := max(1, int(megabytes)*1_000_000/perObject/benchChecks)
	for name, e := range map[string]*estate{
		"400 checks":                     newEstate(benchChecks, objects),
		"one check of a million objects": newEstate(1, 1_000_000),
	} {
		b.Run(name, func(b *testing.B) { benchmarkDeliver(b, e) })
	}
}

// BenchmarkManyRules delivers a million rules of one object each, far more than any
// appliance knows, and reports what the function's memory came to.
func BenchmarkManyRules(b *testing.B) {
	k, e := newTrack(b), newEstate(1_000_000, 1)
	k.archive(e)
	k.deploy()
	for b.Loop() {
		k.deliver(e)
	}
	b.ReportMetric(float64(k.function.MaxMemory())/(1<<20), "peak-MiB")
}

func benchmarkDeliver(b *testing.B, e *estate) {
	k := newTrack(b)
	program, body := filepath.Join(b.TempDir(), "floor"), filepath.Join(b.TempDir(), "body")
	buildProgram(b, program, "./testdata/floor")
	k.archive(e)
	k.deploy()
	first := k.deliver(e)
	if err := os.WriteFile(body, k.scale.largest, 0o600); err != nil {
		b.Fatal(err)
	}
	var took, cpu, least, leastCPU time.Duration
	var last delivered
	for b.Loop() {
		for range benchRounds {
			last = k.deliver(e)
			d, c := k.floor(program, body, last.answer.Bytes)
			took, cpu, least, leastCPU = took+last.took, cpu+last.cpu, least+d, leastCPU+c
		}
	}
	rounds := float64(b.N * benchRounds)
	sent := float64(last.answer.Bytes) / 1e6
	speed := float64(e.findings()) * rounds / took.Seconds()
	ratio, memory := least.Seconds()/took.Seconds(), float64(k.function.MaxMemory())/(1<<20)
	b.ReportMetric(speed, "events/s")
	b.ReportMetric(float64(e.size(b))/1e6*rounds/took.Seconds(), "raw-MB/s")
	b.ReportMetric(sent*rounds/took.Seconds(), "sent-MB/s")
	b.ReportMetric(cpu.Seconds()*1e3/(sent*rounds), "cpu-ms/MB")
	b.ReportMetric(cpu.Seconds()*1e6/(float64(e.findings())*rounds), "cpu-µs/event")
	b.ReportMetric(float64(last.answer.Bytes)/float64(e.findings()), "B/event")
	b.ReportMetric(ratio, "of-floor")
	b.ReportMetric(cpu.Seconds()/leastCPU.Seconds(), "cpu-of-floor")
	b.ReportMetric(memory, "peak-MiB")
	b.ReportMetric(first.init.Seconds()*1e3, "init-ms")
	b.ReportMetric(float64(first.answer.Requests), "requests")
	b.ReportMetric(float64(first.calls), "S3-calls")
	if ratio < goalRatio || speed < goalSpeed || memory > goalMemory {
		b.Logf("goals: %.2f of the floor and %d events/s at least, %d MiB at most", goalRatio, goalSpeed, goalMemory)
	}
}
