package collect

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
)

// world is a fake appliance, a bucket, and collectors that work on them.
type world struct {
	*outside
	store   *memory
	box     *box
	options Options
	connect error
	wire    *wire // nil: the collector talks to the box without a client
}

// newWorld makes a world with machines named by their ids, which were analysed the night
// before and whose analysis takes some minutes. It must be called in a bubble of
// synctest; it moves the bubble's clock on to the nightly start if it is not that late.
func newWorld(ids ...string) *world {
	pass(time.Until(due))
	o := &outside{}
	w := &world{outside: o, store: newMemory(o), box: &box{outside: o, failures: map[string]error{}}}
	for i, id := range ids {
		w.box.machines = append(w.box.machines, &machine{
			id: id, name: id + ".example", issues: passed, takes: time.Duration(i+1) * time.Minute,
			scan: runecast.Scan{Status: "FINISHED_SUCCESSFULLY", Timestamp: before},
		})
	}
	w.options = Options{
		Store: w.store, ApplianceURL: "https://rc.example", ScanTimeout: 5 * time.Hour, PollInterval: 30 * time.Second,
		Log:     slog.New(slog.DiscardHandler),
		Connect: func(context.Context) (Appliance, error) { return w.box, w.connect },
	}
	return w
}

// handle is one invocation of a function with 15 minutes.
func (w *world) handle(t *testing.T, text string) (payload.RunAnswer, error) {
	t.Helper()
	w.newProcess()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	return runAnswer(New(w.options).Handle(ctx, []byte(text)))
}

// runAnswer returns an answer of Handle as an answer about a run.
func runAnswer(a any, err error) (payload.RunAnswer, error) {
	run, _ := a.(payload.RunAnswer)
	return run, err
}

func (w *world) must(t *testing.T, text string) payload.RunAnswer {
	t.Helper()
	a, err := w.handle(t, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// machine returns the machine with that id.
func (w *world) machine(id string) *machine {
	for i, m := range w.box.machines {
		if m.id == id || ecosystemID(i) == id {
			return m
		}
	}
	panic(id)
}

// survives starts a run whose nth call meets an accident, and expects that the
// same start again and so many ticks at most archive everything.
func (w *world) survives(t *testing.T, at int, kind accident, ticks int) {
	t.Helper()
	w.at, w.accident = at, kind
	_, _ = w.handle(t, nightly)
	pass(time.Minute)
	_, _ = w.handle(t, nightly)
	w.ticks(t, ticks)
	checkArchived(t, w)
	if t.Failed() {
		t.Logf("the accident met call %d", at)
	}
}

// pass lets time pass on the clock of a test's bubble, where nobody waits for it.
// Outside of a bubble it panics.
func pass(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
}

// ticks invokes tick every 5 minutes until no run is active.
func (w *world) ticks(t *testing.T, most int) {
	t.Helper()
	for range most {
		if a, err := w.handle(t, `{"action":"tick"}`); err == nil && a.State == archive.RunIdle {
			return
		}
		pass(5 * time.Minute)
	}
	t.Fatalf("the run is still active after %d ticks", most)
}
