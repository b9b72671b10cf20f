package forward_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/simulate/site"
)

// mishaps is the most crashes and freezes in a round. It is below five, since an object
// on which five invocations in a row die is given up.
const mishaps = 4

// TestChaos delivers several scans of several systems in any order, under any
// mixture of faults, crashes and frozen invocations: archived by runs and uploaded
// by hand, while generations grow old and archives are copied.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(setting[uint64]("chaos.seed"), rand.Uint64())
	all := &tally{counts: map[string]int{}}
	t.Cleanup(func() { t.Logf("seed %d: %s", seed, all) })
	srv := site.StartS3(t)
	first := setting[int]("chaos.round")
	for round := range setting[int]("chaos.rounds") {
		round += first
		t.Run(fmt.Sprintf("seed %d round %d", seed, round), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("once more: go test -run TestChaos ./internal/forward -chaos.seed=%d -chaos.round=%d -chaos.rounds=1", seed, round)
				}
			}()
			w := newWorld(t, srv, seed, round)
			w.all = all
			w.storm()
			w.settle()
			w.check(srv)
		})
	}
}

// world is one round of chaos.
type world struct {
	*rig
	rng     *rand.Rand
	network *network
	witness *witness
	scans   map[string][]scan // by system, oldest first
	keys    []string          // of the scans that were archived so far
	zombies []*process
	mishaps int
	// poison is a text that only the event holds which is always refused; empty: none is.
	poison, poisoned string
	poisonHost       int
	// weak is how many vulnerabilities each scan has. They are extras, sent after the
	// commit, in some rounds together with the coverage of objects. 0: there are no extras.
	weak int
	// uploaded are scans that a person uploads by hand, archived by another stack.
	uploaded map[scan]bool
	// alone are scans that hold only vulnerabilities, which have no commit.
	alone []scan
	all   *tally
}

// tally counts what occurred in all rounds. The test logs it, so that one sees whether
// every kind of mishap occurred.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what] += n
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		lines = append(lines, fmt.Sprintf("%s %d", what, c.counts[what]))
	}
	return strings.Join(lines, ", ")
}

func newWorld(t *testing.T, srv *s3server.Server, seed uint64, round int) *world {
	t.Helper()
	w := &world{rng: rand.New(rand.NewPCG(seed, uint64(round))), scans: map[string][]scan{}, uploaded: map[scan]bool{}, mishaps: mishaps}
	w.rig = rigOn(t, srv, fmt.Sprintf("round-%d", round), site.Small)
	w.Config.SendConcurrency = []int{1, 1, 4}[w.rng.IntN(3)] // one at a time repeats exactly
	w.network = newNetwork(w.rig)
	if w.rng.IntN(2) == 0 {
		w.weak = 1 + w.rng.IntN(40)
		for number := range w.rng.IntN(3) {
			w.alone = append(w.alone, scan{System: "alone", Minute: 10 * number, Weak: w.weak})
		}
		w.Config.Mapping.IncludeTypes = []string{"VUL"}
		w.Config.Mapping.Coverage = []mapping.Coverage{"system", "object"}[w.rng.IntN(2)]
	}
	for i := range 1 + w.rng.IntN(3) {
		system := fmt.Sprintf("vc-%d", i)
		for number := range 2 + w.rng.IntN(3) {
			s := scan{System: system, Minute: 10 * number, Failing: 2 + w.rng.IntN(40), Passing: number + 1, Weak: w.weak}
			w.scans[system], w.uploaded[s] = append(w.scans[system], s), w.rng.IntN(5) == 0
		}
	}
	if w.rng.IntN(2) == 0 {
		w.poisoned, w.poisonHost = fmt.Sprintf("vc-%d", w.rng.IntN(len(w.scans))), w.rng.IntN(30)
		w.poison = fmt.Sprintf(`"%s/host-%d"`, w.poisoned, w.poisonHost)
	}
	w.witness = newWitness(w.wanted)
	w.network.seen = func() { w.witness.look(w.Receiver.Events()) }
	return w
}

// key is where a scan lies: as the collector archived it, or uploaded by hand.
func (w *world) key(s scan) string {
	if w.uploaded[s] {
		return archive.ManualPrefix + path.Base(path.Dir(s.Key())) + "/" + path.Base(s.Key())
	}
	return s.Key()
}

// wanted returns the number of failed rows of the scan in which so many rules pass.
func (w *world) wanted(system string, number int) (int, bool) {
	scans := w.scans[system]
	if number < 1 || number > len(scans) {
		return 0, false
	}
	failed := scans[number-1].Failing
	if system == w.poisoned && w.poisonHost < failed {
		failed--
	}
	return failed, true
}

// weather makes requests meet some of the troubles at random. A trouble that blames the
// body comes only to bodies of several events, so that no event but the one with the
// poison is ever refused by itself.
func (w *world) weather() func(body string) *trouble {
	all := troubles()
	w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	mixture, often := all[:1+w.rng.IntN(6)], []float64{0, 0.05, 0.15, 0.4}[w.rng.IntN(4)]
	dice := rand.New(rand.NewPCG(w.rng.Uint64(), 0))
	return func(body string) *trouble {
		if t := w.poisonous(body); t != nil {
			return t
		}
		t := mixture[dice.IntN(len(mixture))]
		if dice.Float64() >= often || t.refuses && !several(body) {
			return nil
		}
		return t
	}
}

// several reports whether a body holds several events and no scan event.
func several(body string) bool {
	return strings.Count(body, `"event.type":"`) > 1 && !strings.Contains(body, securityevent.TypeCompleted)
}

func (w *world) poisonous(body string) *trouble {
	if w.poison == "" || !strings.Contains(body, w.poison) {
		return nil
	}
	return w.network.troubles["400 poison"]
}

// storm archives the scans and triggers their deliveries.
func (w *world) storm() {
	arrivals := slices.Clone(w.alone)
	for _, system := range slices.Sorted(maps.Keys(w.scans)) {
		arrivals = append(arrivals, w.scans[system]...)
	}
	w.rng.Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
	for _, s := range arrivals {
		w.network.during(w.weather())
		w.keys = append(w.keys, w.PutAs(w.key(s), s))
		if w.uploaded[s] {
			w.all.add("hand-made documents", 1)
		}
		if s.Weak > 0 {
			w.all.add("scans with extras", 1)
		}
		if w.rng.IntN(4) > 0 { // else its event is lost
			w.invoke(s3Event(w.Bucket, w.key(s)))
		}
		for range 1 + w.rng.IntN(4) {
			w.anything()
		}
	}
}

// anything lets one of the things happen that may happen at any time.
func (w *world) anything() {
	some := func() string { return w.keys[w.rng.IntN(len(w.keys))] }
	switch w.rng.IntN(9) {
	case 0:
		w.invoke(s3Event(w.Bucket, some(), some()))
	case 1:
		w.invoke(sqs(s3Event(w.Bucket, some()), s3Event(w.Bucket, some())))
	case 2:
		w.invoke(sweepPayload)
	case 3:
		w.Clock.Advance(time.Duration(w.rng.IntN(20)) * time.Minute)
	case 4:
		w.thaw(1)
	case 5:
		w.replay(w.scanOf(some()))
	case 6:
		w.all.add("ages", 1)
		w.Clock.Advance([]time.Duration{5 * time.Hour, 7 * time.Hour, 30 * time.Hour}[w.rng.IntN(3)]) // what was begun grows old
	case 7:
		w.all.add("copied archives", 1)
		w.copied()
	case 8:
		w.loseRegister()
	}
}

// loseRegister deletes the register of a system, also while a delivery is under way or
// has crashed. It does not do so while an invocation is frozen: FORMATS.md says to wait
// until all leases have ended.
func (w *world) loseRegister() {
	systems := slices.Sorted(maps.Keys(w.scans))
	key := archive.RegisterKey(systems[w.rng.IntN(len(systems))])
	if len(w.zombies) > 0 {
		return
	}
	w.all.add("lost registers", 1)
	if _, err := w.S3.DeleteObject(w.T.Context(), &s3.DeleteObjectInput{Bucket: &w.Bucket, Key: &key}); err != nil {
		w.T.Fatal(err)
	}
}

// copied triggers every raw object that the collector archived again, in any order, as if
// the archive was copied or restored.
func (w *world) copied() {
	keys := slices.DeleteFunc(slices.Clone(w.keys), archive.IsHandMade) // a copied upload is another upload
	w.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		w.Date(key)
		w.invoke(s3Event(w.Bucket, key))
	}
}

// replay replays a scan, in one of the ways to request it.
func (w *world) replay(s scan) {
	switch w.rng.IntN(4) {
	case 0:
		w.invoke(replayOf(w.key(s), false))
	case 1:
		w.invoke(`{"action":"replay","prefix":"raw/"}`)
	case 2:
		w.invoke(batchReplay(w.rng.Uint64(), w.Bucket, w.key(s)))
	case 3:
		w.all.add("forced replays", 1)
		w.witness.forced = append(w.witness.forced, wayBack{system: s.System, over: max(w.committed(s.System), w.witness.shown[dashboard.NewText(s.System)]), to: s.Passing})
		w.invoke(replayOf(w.key(s), true))
	}
}

func replayOf(key string, force bool) string {
	return fmt.Sprintf(`{"action":"replay","key":%q,"force":%t}`, key, force)
}

// batchReplay returns the payload of a task of an S3 Batch Operations job that replays.
func batchReplay(job uint64, bucket, key string) string {
	return fmt.Sprintf(`{"invocationSchemaVersion":"2.0","invocationId":"i","job":{"id":"%d","userArguments":{"action":"replay"}},`+
		`"tasks":[{"taskId":"t","s3Key":%q,"s3VersionId":null,"s3Bucket":%q}]}`, job, url.QueryEscape(key), bucket)
}

// scanOf finds the scan with a key.
func (w *world) scanOf(key string) scan {
	for _, scans := range append(slices.Collect(maps.Values(w.scans)), w.alone) {
		for _, s := range scans {
			if w.key(s) == key {
				return s
			}
		}
	}
	return scan{}
}

// committed returns the number of the scan that the register names; 0: it names none.
func (w *world) committed(system string) int {
	w.T.Helper()
	register, err := w.Store.Register(w.T.Context(), system)
	if err != nil {
		w.T.Fatal(err)
	}
	return w.scanOf(register.Value.RawKey).Passing
}

// invoke runs an invocation, which may crash or freeze. Then another invocation may take
// over the work before the frozen one goes on.
func (w *world) invoke(payload string) {
	f, at := lives, 1+w.rng.IntN([]int{3, 14}[w.rng.IntN(2)])
	if w.rng.IntN(2) == 0 && w.mishaps > 0 {
		f = 1 + fate(w.rng.IntN(int(fates)-1))
	}
	p := w.start(w.network, payload, f, at)
	if p.struck() {
		w.mishaps--
		w.all.add([]string{"", "crashes", "crashes", "freezes"}[min(int(p.fate), 3)], 1)
	}
	if p.fate != freezes || !p.struck() {
		return
	}
	w.zombies = append(w.zombies, p)
	if w.rng.IntN(2) == 0 {
		w.Clock.Advance(time.Duration(w.rng.IntN(3)) * 10 * time.Minute) // its lease may expire
		w.invoke(payload)
		w.thaw(1)
	}
}

// thaw lets some of the frozen invocations go on, any first.
func (w *world) thaw(count int) {
	for range min(count, len(w.zombies)) {
		i := w.rng.IntN(len(w.zombies))
		p := w.zombies[i]
		w.zombies = slices.Delete(w.zombies, i, i+1)
		p.resume()
	}
}

// settle ends all troubles but the poison, and sweeps until no delivery is open. Then it
// lets the frozen invocations go on, and sweeps again a day later.
func (w *world) settle() {
	w.T.Helper()
	w.network.during(w.poisonous)
	w.T.Logf("%d requests, %d of them in trouble; %d mishaps, %d invocations still frozen", w.network.requests, w.network.met, mishaps-w.mishaps, len(w.zombies))
	sandbox := func() *forward.Forwarder { return w.sandbox(w.Store, w.network) }
	w.calm(sandbox)
	w.thaw(len(w.zombies))
	// Everything is delivered within a day: a storm may outlast the quick looks.
	w.Clock.Advance(24 * time.Hour)
	w.calm(sandbox)
	for system, scans := range w.scans {
		shown, committed := w.witness.shown[dashboard.NewText(system)], w.committed(system)
		if lost := committed == 0 && shown > 0; shown != committed && !lost {
			w.T.Errorf("%s shows scan %d, but %d is committed", system, shown, committed)
		}
		// Whatever was forced, the newest comes back.
		w.start(w.network, replayOf(w.key(scans[len(scans)-1]), false), lives, 0)
	}
}
