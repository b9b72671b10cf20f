package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

// replay returns the payload of a replay with one member that chooses.
func replay(member, value string) string {
	return fmt.Sprintf(`{"action":"replay",%q:%q}`, member, value)
}

// history is an archive of 30 analyses of eight systems, in four runs.
type history struct {
	*watch
	process *process
	runs    [][]*analysis // of all systems
}

// newHistory archives the analyses, and delivers each as it comes, in any order. The
// second run and the last lack one system each, and the event of one analysis is lost.
func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{watch: newWatch(t, startS3(t))}
	h.process = h.deploy(nil)
	var arrivals []*analysis
	for i, findings := range []int{300, 460, 380, 540} {
		run := analyseAll(t, findings, 10*i)
		h.runs = append(h.runs, run)
		for system, a := range run {
			if i == 1 && system == 1 || i == 3 && system == 0 {
				continue
			}
			h.add(a)
			arrivals = append(arrivals, a)
		}
	}
	if len(arrivals) != 30 {
		t.Fatalf("%d analyses", len(arrivals))
	}
	dice := rand.New(rand.NewPCG(30, 8))
	dice.Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
	for _, a := range arrivals {
		if a != h.undelivered() {
			h.archive(a)
			h.process.must(h.created(a.key))
		}
	}
	h.archive(h.undelivered())
	h.showsAll(h.runs[2][7])
	return h
}

// undelivered returns the analysis whose event was lost.
func (h *history) undelivered() *analysis { return h.runs[3][7] }

// replays sends a replay that has to succeed.
func (h *history) replays(text string) (a payload.ReplayAnswer) {
	h.Helper()
	r := h.process.invoke(text)
	if err := r.Err(); err != nil {
		h.Errorf("%s: %v", text, err)
	} else if err := json.Unmarshal(r.Payload, &a); err != nil {
		h.Errorf("%s answered %s: %v", text, r.Payload, err)
	}
	return a
}

// came is the result of a replay.
func came(a payload.ReplayAnswer) string {
	return fmt.Sprintf("selected %d, complete %d, superseded %d, failed %d, pending %d, older %d", a.Selected, a.Complete, a.Superseded, a.Failed, a.Pending, a.Older)
}

// TestReplays replays an archive in every way there is, by the deployed
// forwarder. After each the dashboard shows what it has to, and the watch has
// seen it after each request on the way.
func TestReplays(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	begin := func(run int) string { return h.runs[run][0].Run.StartedAt.Format(time.RFC3339) }
	after := func(run int) string { return h.runs[run][0].Run.StartedAt.Add(time.Second).Format(time.RFC3339) }
	const all = "selected 8, complete 8, superseded 0, failed 0, pending 0, older 0"
	const allOlder = "selected 8, complete 0, superseded 0, failed 0, pending 0, older 8"
	for _, step := range []struct{ name, payload, came string }{
		{"pending", replay("state", "pending"), "selected 1, complete 1, superseded 0, failed 0, pending 0, older 0"},
		{"nothing is pending", replay("state", "pending"), "selected 0, complete 0, superseded 0, failed 0, pending 0, older 0"},
		{"key", replay("key", h.runs[3][3].key), "selected 1, complete 1, superseded 0, failed 0, pending 0, older 0"},
		{"an older key", replay("key", h.runs[1][3].key), "selected 1, complete 0, superseded 0, failed 0, pending 0, older 1"},
		{"everything", replay("prefix", "raw/"), all},
		{"prefix", replay("prefix", strings.TrimSuffix(h.runs[3][1].key, ".json.gz")), "selected 1, complete 1, superseded 0, failed 0, pending 0, older 0"},
		{"the last run", replay("run", h.runs[3][0].Run.ID), "selected 7, complete 7, superseded 0, failed 0, pending 0, older 0"},
		{"the first run", replay("run", h.runs[0][0].Run.ID), allOlder},
		{"a run that is the last of one system", replay("run", h.runs[2][0].Run.ID), "selected 8, complete 1, superseded 0, failed 0, pending 0, older 7"},
		{"system by name", replay("system", "111122223333 (prod)"), "selected 1, complete 1, superseded 0, failed 0, pending 0, older 0"},
		{"system by id", replay("system", h.runs[0][6].System.ID), "selected 1, complete 1, superseded 0, failed 0, pending 0, older 0"},
		{"since", replay("since", begin(3)), "selected 7, complete 7, superseded 0, failed 0, pending 0, older 0"},
		{"until", replay("until", after(1)), allOlder},
		{"between", fmt.Sprintf(`{"action":"replay","since":%q,"until":%q}`, begin(2), after(2)), "selected 8, complete 1, superseded 0, failed 0, pending 0, older 7"},
		{"complete", replay("state", "complete"), all},
		{"complete, of a run", fmt.Sprintf(`{"action":"replay","state":"complete","run":%q}`, h.runs[3][0].Run.ID), "selected 7, complete 7, superseded 0, failed 0, pending 0, older 0"},
		{"failed", replay("state", "failed"), "selected 0, complete 0, superseded 0, failed 0, pending 0, older 0"},
		{"with a rate", `{"action":"replay","prefix":"raw/","maxEventsPerSecond":1000000}`, all},
	} {
		if got := came(h.replays(step.payload)); got != step.came {
			t.Errorf("%s: %s, want %s", step.name, got, step.came)
		}
		h.showsAll()
	}
	h.superseded()
	h.forced()
	h.rehearsed()
	h.inParts()
	h.paced()
	h.quarantined()
	h.failed()
	h.severalSystems()
}

// superseded: all scans in this state are older than a committed one.
func (h *history) superseded() {
	h.Helper()
	before := h.sent()
	if a := h.replays(replay("state", "superseded")); a.Selected == 0 || a.Older != a.Selected || h.sent() != before {
		h.Errorf("superseded: %s, and %d requests", came(a), h.sent()-before)
	}
}

// forced: an older analysis stays until a newer one is replayed.
func (h *history) forced() {
	h.Helper()
	old := h.runs[1][4]
	h.force(old)
	if a := h.replays(fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, old.key)); a.Complete != 1 {
		h.Errorf("forced: %s", came(a))
	}
	h.force(nil)
	h.showsAll(old)
	if a := h.process.must(sweep); a.Objects != 0 {
		h.Errorf("a sweep after a forced replay: %+v", a)
	}
	h.showsAll(old)
	h.replays(replay("key", h.runs[3][4].key))
	h.showsAll()
}

// rehearsed: a dry run sends nothing, and counts what the replay then sends.
func (h *history) rehearsed() {
	h.Helper()
	before, requests := h.receiver.Stats(), h.sent()
	dry := h.replays(`{"action":"replay","prefix":"raw/","dryRun":true}`).DryRun
	if dry == nil || h.sent() != requests {
		h.Fatalf("a dry run: %+v, %d requests", dry, h.sent()-requests)
	}
	h.replays(replay("prefix", "raw/"))
	after := h.receiver.Stats()
	if sent := after.Accepted - before.Accepted; int(dry.Events) != sent || dry.Bytes != after.Bytes-before.Bytes || int(dry.Requests) != h.sent()-requests || len(dry.Systems) != 8 {
		h.Errorf("rehearsed %d events, %d bytes, %d requests; sent %d, %d, %d", dry.Events, dry.Bytes, dry.Requests, sent, after.Bytes-before.Bytes, h.sent()-requests)
	}
	h.showsAll()
}

// inParts: the cursor leads from call to call.
func (h *history) inParts() {
	h.Helper()
	complete, calls, cursor := 0, 0, ""
	for calls == 0 || cursor != "" && calls < 5 {
		a := h.replays(fmt.Sprintf(`{"action":"replay","prefix":"raw/","limit":3,"next":%q}`, cursor))
		complete, calls, cursor = complete+a.Complete, calls+1, a.Cursor
		h.showsAll()
	}
	if complete != 8 || calls != 3 {
		h.Errorf("%d replayed in %d calls", complete, calls)
	}
}

// paced: scans for which the pace leaves no time wait for the next call.
func (h *history) paced() {
	h.Helper()
	a := h.replays(`{"action":"replay","prefix":"raw/","maxEventsPerSecond":0.01}`)
	if a.Pending != 1 || a.Cursor == "" {
		h.Errorf("paced: %s, cursor %q", came(a), a.Cursor)
	}
	h.showsAll()
	if rest := h.replays(fmt.Sprintf(`{"action":"replay","prefix":"raw/","next":%q}`, a.Cursor)); a.Complete+rest.Complete != 8 {
		h.Errorf("the rest: %s", came(rest))
	}
	h.showsAll()
}

// next makes an analysis of a system that is newer than all others, and makes the watch
// expect it.
func (h *history) next(system, findings, minute int) *analysis {
	return analyseAll(h, findings, minute)[system]
}

// quarantined: events that Dynatrace refused are sent again when it accepts them.
func (h *history) quarantined() {
	h.Helper()
	whole := h.next(1, 620, 40)
	lacking := *whole
	h.refuse(lacking.refuse(h))
	h.add(&lacking)
	h.archive(whole)
	if a := h.process.must(h.created(whole.key)); a.Quarantined != 1 || a.Complete != 1 {
		h.Errorf("with a refused event: %+v", a)
	}
	h.showsAll()
	h.refuse("")
	h.add(whole)
	if a := h.replays(replay("state", "quarantined")); a.Complete != 1 || a.Quarantined != 0 {
		h.Errorf("quarantined: %s, and %d still refused", came(a), a.Quarantined)
	}
	h.showsAll()
	if a := h.replays(replay("state", "quarantined")); a.Selected != 0 {
		h.Errorf("nothing is in quarantine: %s", came(a))
	}
}

// upload puts a document under raw/manual/ as a person does.
func (s *site) upload(key string, document []byte) {
	s.Helper()
	_, err := s.store.PutRaw(s.Context(), key, func(w io.Writer) error {
		_, err := w.Write(document)
		return err
	})
	if err == nil {
		err = s.s3.Date(s.bucket, key, time.Now())
	}
	if err != nil {
		s.Fatal(err)
	}
}

// failed: scans in this state are tried again, and fail again for the same reason.
func (h *history) failed() {
	h.Helper()
	h.upload("raw/manual/broken.json", []byte(`{"results":[]}`))
	h.process.must(h.created("raw/manual/broken.json"))
	a := h.replays(replay("state", "failed"))
	if a.Selected != 1 || a.Failed != 1 || !strings.Contains(fmt.Sprint(a.Reasons), "no system") {
		h.Errorf("failed: %s, %q", came(a), a.Reasons)
	}
	h.showsAll()
}

// severalSystems: a document of two systems is replayed as a whole. Where a
// newer analysis of one is committed, only force shows both.
func (h *history) severalSystems() {
	h.Helper()
	const key = "raw/manual/both.json"
	first, second := h.next(2, 660, 45), h.next(5, 660, 45)
	h.add(first)
	h.add(second)
	h.upload(key, saved(h, first, second))
	h.process.must(h.created(key))
	h.showsAll()
	if a := h.replays(replay("key", key)); a.Complete != 1 || h.delivery(key).Value.Scans[1].Generation != 2 {
		h.Errorf("a document of two systems: %s", came(a))
	}
	h.showsAll()
	newer := h.next(5, 700, 120) // its run starts after the upload
	h.add(newer)
	h.archive(newer)
	h.process.must(h.created(newer.key))
	h.showsAll()
	h.replays(replay("key", key))
	if d := h.delivery(key).Value; d.Scans[0].Generation != 3 || d.Scans[1].Generation != 2 || d.State != archive.DeliveryComplete {
		h.Errorf("one of two is older: %+v", d.Scans)
	}
	h.showsAll()
	h.force(second)
	h.replays(fmt.Sprintf(`{"action":"replay","key":%q,"force":true}`, key))
	h.force(nil)
	h.showsAll(second)
	h.replays(replay("key", newer.key))
	h.showsAll()
}
