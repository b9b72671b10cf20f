package deliver_test

import (
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/cockroachdb/datadriven"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// TestTraces runs the scripts of testdata/traces, each of which shows one thing
// that can happen to a delivery. A file has a few sentences or a figure, and a script of
// inputs with what the real code then writes and sends, on a real S3 server.
// With -update the files are written with what the code now does.
//
// The inputs are
//
//	archive A minute=1 failing=3     the collector archives a scan of system vc-a
//	upload M vc-a=2 vc-b=1           a person uploads a document of two systems
//	settings one-body                all events of a scan go in one batch
//	answer finding=1 status=504      Dynatrace answers so: once, or times=9; without a
//	                                 status there is no answer; "accepted" before it
//	                                 answers; "late": when it "arrives"
//	s3 register lost=not             S3 gives no answer to a write, and has "not" applied
//	                                 it, "but" applied it
//	deliver A                        one invocation; job=J, force and dry as in a replay,
//	                                 dies=register behind the write of a document,
//	                                 minutes=1 of time
//	meanwhile finding=1              what happens while that request is on its way
//	clock ahead=20m                  time passes
//	arrives                          the network delivers what was late
//	lose                             somebody deletes the register
//	shown                            what the dashboard shows
//	document A                       what the delivery document says
func TestTraces(t *testing.T) {
	t.Parallel()
	if *update {
		if err := flag.Set("rewrite", "true"); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/traces/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d traces: %v", len(files), err)
	}
	srv := site.StartS3(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTrace(site.New(t, srv, strings.ReplaceAll(name, "_", "-"), func(c *forwarderconfig.Settings) {
				c.SendConcurrency, c.MaxBatchBytes = 1, 1 // each event goes alone
				c.Mapping.Coverage = "none"
			}))
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				t.Helper()
				tr.out.Reset()
				tr.run(d)
				return tr.out.String()
			})
		})
	}
}

// trace runs a script on a simulated site, and records what happens.
type trace struct {
	*site.Site
	out   strings.Builder
	depth int // of what is under way
	keys  map[string]string
	scans []string // their ids, in the order in which they were seen
	plans []*plan
	late  []string          // bodies that the network has
	lost  map[string]string // writes that get no answer
	dies  string            // behind this write; empty: it does not
	why   string            // the disposition of the last delivery
	mu    sync.Mutex        // see handOver
}

// plan is what happens to a request: an answer, or something at the same time.
type plan struct {
	request        string // "finding 1" or "scan event"
	times, status  int
	accepted, late bool
	meanwhile      []string
}

func newTrace(s *site.Site) *trace {
	tr := &trace{Site: s, keys: map[string]string{}, lost: map[string]string{}}
	s.SetIntercept(tr.request)
	return tr
}

// handOver passes the trace from the goroutine that sends a request to the one
// that answers it, and back. Only one of them works at a time, but the race
// detector does not see that through a connection.
func (tr *trace) handOver() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
}

// say prints a line, further in within an invocation.
func (tr *trace) say(format string, args ...any) {
	fmt.Fprintf(&tr.out, strings.Repeat("  ", tr.depth)+format+"\n", args...)
}

// run carries out one input.
func (tr *trace) run(d *datadriven.TestData) {
	switch d.Cmd {
	case "archive":
		tr.archive(d)
	case "upload":
		tr.upload(d)
	case "settings":
		tr.Config.MaxBatchBytes = 100_000
	case "answer", "meanwhile":
		tr.plan(d)
	case "s3":
		how := ""
		d.ScanArgs(tr.T, "lost", &how)
		tr.lost[d.CmdArgs[0].Key] = how
	case "deliver":
		tr.deliver(d)
	case "clock":
		tr.advance(d)
	case "arrives":
		for _, body := range tr.late {
			tr.say("arrives late: %s", tr.describe(body))
			tr.ingest(body)
		}
		tr.late = nil
	case "lose":
		key := archive.RegisterKey("vc-a")
		if _, err := tr.S3.DeleteObject(tr.T.Context(), &s3.DeleteObjectInput{Bucket: &tr.Bucket, Key: &key}); err != nil {
			tr.T.Fatal(err)
		}
	case "shown":
		tr.shown()
	case "document":
		doc := tr.Document(tr.keys[d.CmdArgs[0].Key])
		tr.say("%s", tr.delivery(&doc))
	default:
		tr.T.Fatalf("%s: there is no input %q", d.Pos, d.Cmd)
	}
}

func (tr *trace) archive(d *datadriven.TestData) {
	s := scan{System: "vc-a"}
	d.ScanArgs(tr.T, "minute", &s.Minute)
	d.MaybeScanArgs(tr.T, "failing", &s.Failing)
	d.MaybeScanArgs(tr.T, "passing", &s.Passing)
	tr.keys[d.CmdArgs[0].Key] = tr.Put(s)
}

func (tr *trace) upload(d *datadriven.TestData) {
	var systems []string
	for _, a := range d.CmdArgs[1:] {
		systems = append(systems, fmt.Sprintf("%s %s@1", a.Key, a.Vals[0]))
	}
	key := archive.ManualPrefix + d.CmdArgs[0].Key + ".json"
	tr.Upload(key, site.Saved(systems...))
	tr.keys[d.CmdArgs[0].Key] = key
}

func (tr *trace) plan(d *datadriven.TestData) {
	p := &plan{request: "scan event", times: 1, accepted: d.HasArg("accepted"), late: d.HasArg("late")}
	if !d.HasArg("event") {
		var finding string
		d.ScanArgs(tr.T, "finding", &finding)
		p.request = "finding " + finding
	}
	d.MaybeScanArgs(tr.T, "status", &p.status)
	d.MaybeScanArgs(tr.T, "times", &p.times)
	if d.Cmd == "meanwhile" {
		p.meanwhile = strings.Split(d.Input, "\n")
	}
	tr.plans = append(tr.plans, p)
}

func (tr *trace) advance(d *datadriven.TestData) {
	var text string
	d.ScanArgs(tr.T, "ahead", &text)
	ahead, err := time.ParseDuration(text)
	if err != nil {
		tr.T.Fatal(err)
	}
	tr.Clock.Advance(ahead)
	if tr.depth > 0 {
		tr.say("%s pass", text)
	}
}

func (tr *trace) shown() {
	shown := tr.Shows()
	if len(shown) == 0 {
		shown = []string{"nothing"}
	}
	for _, line := range shown {
		tr.say("%s", line)
	}
	if n := tr.Receiver.Stats().DuplicateFindings; n > 0 {
		tr.T.Errorf("%d findings twice under one scan id", n)
	}
}

// deliver is one invocation, with what it writes, sends and comes to.
func (tr *trace) deliver(d *datadriven.TestData) {
	q := deliver.Request{Force: d.HasArg("force")}
	d.MaybeScanArgs(tr.T, "job", &q.JobID)
	d.MaybeScanArgs(tr.T, "dies", &tr.dies)
	win := deliver.WindowOf(tr.T.Context(), tr.Clock.Now())
	var minutes int64
	if d.MaybeScanArgs(tr.T, "minutes", &minutes) {
		end := tr.Clock.Now().Add(time.Duration(minutes) * time.Minute)
		win = deliver.Window{Soft: end.Add(-15 * time.Second), Hard: end.Add(-4 * time.Second), Deadline: end}
	}
	if tr.depth > 0 {
		tr.say("another invocation:")
	}
	tr.depth++
	process := &recorder{Client: tr.S3, trace: tr}
	o := tr.Through(store.New(process, tr.Bucket), process)
	o.Log = tr.logger()
	deliverer := deliver.New(o)
	if d.HasArg("dry") {
		deliverer = deliverer.DryRun()
	}
	out, err := deliverer.Deliver(tr.T.Context(), tr.keys[d.CmdArgs[0].Key], win, q)
	tr.depth--
	if process.dead {
		return // the invocation is dead, and prints nothing
	}
	tr.say("= %s", tr.end(&out, err, d.HasArg("dry")))
}

// end prints how a delivery ended.
func (tr *trace) end(out *deliver.Outcome, err error, dry bool) string {
	end := out.State
	if end == "" {
		end = "no outcome"
	}
	switch {
	case dry:
		for i := range out.Parts {
			end += fmt.Sprintf(", would send %d events in %d requests", out.Parts[i].Sent.Events, out.Parts[i].Sent.Requests)
		}
	case tr.why != end:
		end += " (" + tr.why + ")"
	}
	if err != nil {
		end += ", an error is returned"
	}
	return end
}

// request is the receiver's side of a request.
func (tr *trace) request(n int, w http.ResponseWriter, _ *http.Request) bool {
	tr.handOver()
	defer tr.handOver()
	body := tr.Sent(n)
	what := tr.describe(body)
	does := "sends " + what
	p := &plan{status: http.StatusAccepted, accepted: true}
	if i := slices.IndexFunc(tr.plans, func(p *plan) bool { return p.meets(what) }); i >= 0 {
		p = tr.plans[i]
		if p.times--; p.times == 0 {
			tr.plans = slices.Delete(tr.plans, i, i+1)
		}
	}
	if p.meanwhile != nil {
		tr.say("%s, and while it is on its way:", does)
		tr.depth++
		for _, line := range p.meanwhile {
			tr.command(line)
		}
		tr.depth--
		does = what + " arrives"
		p = &plan{status: http.StatusAccepted, accepted: true}
	}
	if p.accepted {
		tr.ingest(body)
	}
	if p.late {
		tr.late = append(tr.late, body)
	}
	if p.status == 0 {
		tr.say("%s: no answer", does)
		panic(http.ErrAbortHandler)
	}
	tr.say("%s: %d", does, p.status)
	if p.status == http.StatusAccepted {
		w.WriteHeader(p.status)
		return true
	}
	site.Answer(w, p.status)
	return true
}

// meets reports whether a request, as it is described, is one that is planned for.
func (p *plan) meets(what string) bool {
	var finding, first, last int
	if _, err := fmt.Sscanf(what, "findings %d to %d", &first, &last); err == nil {
		_, err := fmt.Sscanf(p.request, "finding %d", &finding)
		return err == nil && finding >= first && finding <= last
	}
	return strings.HasPrefix(what, p.request+" ")
}

// command carries out one line of what happens meanwhile.
func (tr *trace) command(line string) {
	cmd, args, err := datadriven.ParseLine(line)
	if err != nil {
		tr.T.Fatal(err)
	}
	tr.run(&datadriven.TestData{Pos: "meanwhile", Cmd: cmd, CmdArgs: args})
}
