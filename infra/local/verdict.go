package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"runecast-ingest/infra/local/display"
	"runecast-ingest/infra/local/tracing"
	"runecast-ingest/infra/local/trigger"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/notice"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/receiver"
)

// nameLimit is the number of characters to which the name of a system is cut.
const nameLimit = 36

// verdict is the outcome of a run: its figures, and how the dashboard differs from
// the appliance.
type verdict struct {
	answer     payload.RunAnswer
	deliveries []delivery // of this run
	dead       []trigger.Dead
	stats      receiver.Stats
	want, got  dashboard.Tiles   // of the appliance's results, and of the events sent
	types      map[string]string // of systems, by id
	traces     tracing.Stats
	spans      []tracing.Span
	told       []notice.Committed // the notices of scans on the event bus
	arrivals   payload.VerifyAnswer
	moreSpans  int      // spans that were not kept
	memory     [2]int64 // peaks of collector and forwarder, bytes
	archive    string   // the folder of the bucket
	report     string   // the path of the report
	carried    string   // the connections through the proxy, by service; "": there is no proxy
	problems   []string // one sentence each; empty: the dashboard is right
}

// judge computes the tiles of the appliance's results and those of the events that
// were sent, and compares them.
func (s *stack) judge(ctx context.Context, a payload.RunAnswer, all []delivery) (verdict, error) {
	v := verdict{
		answer: a, stats: s.receiver.Stats(), got: s.receiver.Tiles(), traces: s.traces.Stats(), types: map[string]string{},
		dead: s.trigger.Status().Dead, memory: [2]int64{s.collector.MaxMemory(), s.forwarder.MaxMemory()}, archive: filepath.Join(s.o.out, bucketName), report: s.o.report(),
	}
	v.spans, v.moreSpans = s.traces.Spans()
	for _, d := range all {
		if d.ofRun(a.Run) {
			v.deliveries = append(v.deliveries, d)
		}
	}
	var err error
	if v.told, err = s.notices(ctx, v.deliveries); err != nil {
		return v, err
	}
	systems, err := s.systems(s.bucket.finished(a.Run))
	if err != nil {
		return v, err
	}
	for _, system := range systems {
		v.types[system.ID] = system.Type
	}
	if v.want, err = expected(s.appliance, systems); err != nil {
		return v, err
	}
	v.problems = v.differences()
	if s.proxy != nil {
		v.carried = s.proxy.String()
		v.problems = append(v.problems, s.proxy.Faults()...)
	}
	return v, nil
}

// differences returns a sentence for each difference between the tiles, and for
// each thing that went wrong on the way.
func (v verdict) differences() []string {
	out := append(v.got.Diff(v.want), v.misled()...)
	for _, d := range v.deliveries {
		if d.Mapped != d.Accepted+d.Quarantined+d.Skipped {
			out = append(out, fmt.Sprintf("%s: %d mapped, but %d accepted + %d quarantined + %d skipped", d.name(), d.Mapped, d.Accepted, d.Quarantined, d.Skipped))
		}
	}
	for _, d := range v.dead {
		out = append(out, fmt.Sprintf("the event of %s was given up: %v", cmp.Or(d.Key, "s3:TestEvent"), d.Err))
	}
	for _, fault := range []struct {
		n    int
		what string
	}{
		{v.stats.ShapeErrors, "faults in accepted events: " + strings.Join(v.stats.Examples, "; ")},
		{v.stats.DuplicateEvents, "events were sent twice"},
		{v.stats.DuplicateFindings, "findings were sent twice in one scan"},
		{v.stats.Stale, "events were too old and dropped by the ingest"},
		{v.stats.Future, "events were ahead of the clock"},
		{v.stats.Parameters, "query parameters would overwrite fields of events"},
		{v.traces.Refused, "trace packets are not X-Ray's"},
	} {
		if fault.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", fault.n, fault.what))
		}
	}
	return out
}

// err returns an error with all problems; nil if the dashboard shows what the
// appliance shows.
func (v verdict) err() error {
	if len(v.problems) == 0 {
		return nil
	}
	return errors.New("the dashboard does not show what the appliance has:\n  " + strings.Join(v.problems, "\n  "))
}

// print writes the summary.
func (v verdict) print(w io.Writer) {
	var out strings.Builder
	v.figures(&out)
	v.table(&out)
	fmt.Fprintf(&out, "\n%-24s archive: %s    next: make test\n", "", v.archive)
	v.listArrivals(&out)
	v.listNotices(&out)
	fmt.Fprintf(&out, "memory     collector %s   forwarder %s  (peak)\n", mebibytes(v.memory[0]), mebibytes(v.memory[1]))
	fmt.Fprintf(&out, "X-Ray      %d traces, %d subsegments\n", v.traces.Traces, v.traces.Subsegments)
	if v.carried != "" {
		fmt.Fprintf(&out, "proxy      %s\n", v.carried)
	}
	fmt.Fprintf(&out, "report     %s\n", v.report)
	_, _ = io.WriteString(w, out.String()) // nobody to tell if the terminal is gone
}

// sum adds up the counts of all deliveries of the run.
func (v verdict) sum() archive.Scan {
	var sum archive.Scan
	for _, d := range v.deliveries {
		sum.Mapped += d.Mapped
		sum.Accepted += d.Accepted
		sum.Quarantined += d.Quarantined
		sum.Skipped += d.Skipped
		sum.Requests += d.Requests
	}
	return sum
}

func (v verdict) figures(w io.Writer) {
	sum, folder := v.sum(), ""
	if len(v.deliveries) > 0 {
		folder = path.Dir(v.deliveries[0].key)
	}
	fmt.Fprintf(w, "\ncollector  %d systems, %d archived   %s   %s\n", v.answer.Systems, v.answer.Archived, size(v.answer.Bytes), folder)
	fmt.Fprintf(w, "forwarder  %s mapped = %s accepted + %s quarantined + %s skipped   %s requests\n",
		report.Thousands(sum.Mapped), report.Thousands(sum.Accepted), report.Thousands(sum.Quarantined), report.Thousands(sum.Skipped), report.Thousands(sum.Requests))
}

// table compares the systems as the appliance has them with the dashboard.
func (v verdict) table(w io.Writer) {
	width := len("system")
	for _, s := range v.want.Systems {
		width = max(width, min(len([]rune(s.Name)), nameLimit))
	}
	fmt.Fprintf(w, "\n%-*s  %-18s %7s %6s %6s %6s  %7s  %s\n", width, "system", "type", "rules", "failed", "manual", "passed", "posture", "dashboard = appliance")
	if len(v.want.Systems) == 0 {
		fmt.Fprintln(w, "(no system has compliance results)")
	}
	for _, s := range v.want.Systems {
		same := "yes"
		if d := v.got.DiffSystem(s.ID, v.want); len(d) > 0 {
			same = "NO"
		}
		fmt.Fprintf(w, "%s  %-18s %7s %6s %6s %6s  %6d%%  %s\n", pad(display.Shorten(s.Name, nameLimit), width), cmp.Or(v.types[s.ID], s.Type),
			report.Thousands(s.Rules()), report.Thousands(s.Failed), report.Thousands(s.Manual), report.Thousands(s.Passed), s.Posture(), same)
	}
}

// pad appends spaces until the text has width characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}

// size writes a number of bytes in kB, or from 1 MB on in MB.
func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
