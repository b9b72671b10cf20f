package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/gate"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/store"
)

// nightly and latest are start events, due now, which a test delivers more than once.
var (
	nightly = `{"action":"start","scheduledTime":"` + due + `"}`
	latest  = `{"action":"start","mode":"latest","scheduledTime":"` + due + `"}`
	due     = time.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
)

const (
	// ticks is how many a run may need after a crash.
	ticks = 5
	// workers crash functions at the same time.
	workers = 3
	// shortStep is the distance of the points that are tested with -short.
	shortStep = 5
)

// scene is a whole run that is interrupted at each of its requests.
type scene struct {
	start string
	// systems that the run is about; empty: all.
	systems []string
	// appliance makes a fresh appliance, and what it serves of each system.
	appliance func(t testing.TB) (http.Handler, func() map[string]jsontext.Value)
	// only is a text that the requests have at which the run is killed; empty: all are.
	only string
}

// TestCrashes kills the deployed collector with SIGKILL at every request that
// a whole run sends, before the request is passed on and after it was answered.
// Then Lambda repeats the start event, time passes, and the schedule ticks.
// Whatever was cut, every system ends archived exactly once and verbatim, in
// one run, and no system is triggered more than once more.
func TestCrashes(t *testing.T) {
	t.Parallel()
	store := startS3(t)
	simulated := func(t testing.TB) (http.Handler, func() map[string]jsontext.Value) {
		// A scan is over at once: the run never waits, so its requests are always the same.
		a, err := appliance.New(appliance.Options{Seed: 7, Findings: 300, ScanTime: time.Nanosecond, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		return a, func() map[string]jsontext.Value { return elements(t, a.WriteResults) }
	}
	probe, err := appliance.New(appliance.Options{Seed: 7, Findings: 300})
	if err != nil {
		t.Fatal(err)
	}
	var three []string
	for _, s := range probe.Systems()[:3] {
		three = append(three, s.ID)
	}
	large := (&stream{block: noise(1 << 20), size: 7 << 20}).scene
	scenes := map[string]scene{
		"three systems":     {start: nightly, systems: three, appliance: simulated},
		"one in many parts": {start: latest, appliance: large, only: "upload"},
	}
	for name, sc := range scenes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc.sweep(t, store)
		})
	}
}

// sweep counts the requests of a clean run, then crashes one run at each.
func (sc scene) sweep(t *testing.T, store *s3server.Server) {
	clean := sc.open(t, store, gate.Point{})
	clean.must(sc.start)
	clean.checkArchived(sc, 0)
	requests := clean.gate.Passed("")
	var points []gate.Point
	for i, request := range requests {
		if strings.Contains(request, sc.only) {
			points = append(points, gate.Point{N: i + 1}, gate.Point{N: i + 1, After: true})
		}
	}
	if len(points) < 8 {
		t.Fatalf("too small a run: %q", requests)
	}
	step := 1
	if testing.Short() {
		step = shortStep
	}
	var tested, again atomic.Int64
	group := new(errgroup.Group)
	group.SetLimit(workers)
	for i := 0; i < len(points); i += step {
		group.Go(func() error {
			at := points[i]
			t.Run(fmt.Sprintf("%03d after=%t", at.N, at.After), func(t *testing.T) {
				s := sc.open(t, store, at)
				s.crash(sc)
				again.Add(int64(s.checkArchived(sc, 1)))
				tested.Add(1)
			})
			return nil
		})
	}
	_ = group.Wait()
	t.Logf("%d of %d crash points tested, in a run of %d requests; %d triggers repeated", tested.Load(), len(points), len(requests), again.Load())
}

// trial is a site with a run that may crash.
type trial struct {
	*site
	served func() map[string]jsontext.Value
}

func (sc scene) open(t *testing.T, store *s3server.Server, at gate.Point) *trial {
	handler, served := sc.appliance(t)
	s := newSite(t, options{s3: store, appliance: handler, env: []string{"RUNECAST_SYSTEMS=" + strings.Join(sc.systems, ",")}})
	s.gate.Set(at)
	return &trial{s, served}
}

// crash starts a run that is killed, and finishes it as Lambda and the schedule do. It
// expects the objects that the killed invocation has archived to stay as they are.
func (s *trial) crash(sc scene) {
	s.Helper()
	s.invoke(sc.start)
	if s.gate.Met() == "" {
		s.Fatal("the run did not get so far")
	}
	s.Logf("killed at %s", s.gate.Met())
	before := s.objects(archive.RawPrefix)
	leased := s.active()
	if a := s.must(sc.start); leased.Value.Lease.Live(time.Now()) && a.State != archive.RunRunning {
		s.Errorf("the repeated start event went on under a lease that is alive: %+v", a)
	}
	s.passTime()
	for range ticks {
		if s.must(tick).State == archive.RunIdle {
			break
		}
	}
	after := s.objects(archive.RawPrefix)
	for key, was := range before {
		if after[key] != was {
			s.Errorf("%s was rewritten: %v, then %v", key, was, after[key])
		}
	}
}

// checkArchived checks the archive after the run. It returns the number of triggers beyond
// one per system.
func (s *trial) checkArchived(sc scene, crashes int) (again int) {
	s.Helper()
	served := s.served()
	if len(sc.systems) > 0 {
		for id := range served {
			if !slices.Contains(sc.systems, id) {
				delete(served, id)
			}
		}
	}
	if active := s.active(); active.Value.State != archive.RunIdle || active.Value.Lease != nil {
		s.Errorf("the active document is left as %q with lease %v", active.Value.State, active.Value.Lease)
	}
	r := s.finished()
	if r.State != archive.RunDone || r.Lease != nil || len(r.Systems) != len(served) {
		s.Errorf("the run is left as %q with lease %v and %d systems of %d", r.State, r.Lease, len(r.Systems), len(served))
	}
	raw := s.objects(archive.RawPrefix)
	if len(raw) != len(served) {
		s.Errorf("%d raw objects for %d systems", len(raw), len(served))
	}
	for _, system := range r.Systems {
		if system.State != archive.SystemArchived || s.gate.Written(system.RawKey) != 1 {
			s.Errorf("%s: %s (%s), written %d times", system.Name, system.State, system.Reason, s.gate.Written(system.RawKey))
			continue
		}
		s.checkObject(system, served[system.ID])
		posts := len(s.gate.Passed("POST /rc2/api/v1/scan/" + system.ID))
		if posts > 1+crashes {
			s.Errorf("%s was triggered %d times", system.Name, posts)
		}
		again += max(0, posts-1)
	}
	if again > crashes {
		s.Errorf("%d triggers were repeated after %d crashes", again, crashes)
	}
	if left := s.uploads(); left > crashes {
		s.Errorf("%d uploads are left open after %d crashes", left, crashes)
	}
	return again
}

// finished reads the one document of a run that is over.
func (s *trial) finished() archive.Run {
	s.Helper()
	var keys []string
	for key := range s.objects("runs/") {
		if key != archive.ActiveRunKey {
			keys = append(keys, key)
		}
	}
	if len(keys) != 1 {
		s.Fatalf("finished runs: %q, want one", keys)
	}
	doc, err := store.Load[archive.Run](s.Context(), s.store, keys[0])
	if err != nil {
		s.Fatal(err)
	}
	return doc.Value
}

// checkObject compares an archived object with what the appliance serves.
func (s *trial) checkObject(system archive.RunSystem, served jsontext.Value) {
	s.Helper()
	body := s.download(system.RawKey)
	sum := sha256.Sum256(body)
	if system.Bytes != int64(len(body)) || system.SHA256 != hex.EncodeToString(sum[:]) {
		s.Errorf("%s has %d bytes with the sum %x, the run says %d and %s", system.RawKey, len(body), sum, system.Bytes, system.SHA256)
	}
	var document []byte
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		document, err = io.ReadAll(plain)
	}
	envelope, whole := bytes.CutSuffix(document, slices.Concat([]byte(`,"result":`), served, []byte("}")))
	if err != nil || !whole {
		s.Errorf("%s: it does not end with the %d bytes that are served (%v)", system.RawKey, len(served), err)
		return
	}
	var object struct {
		System  archive.System `json:"system"`
		Catalog string         `json:"catalog"`
	}
	if err := json.Unmarshal(append(envelope, '}'), &object); err != nil {
		s.Errorf("%s: %v", system.RawKey, err)
	}
	if d := cmp.Diff(archive.System{ID: system.ID, Name: system.Name, Type: system.Type}, object.System); d != "" {
		s.Errorf("%s: %s", system.RawKey, d)
	}
	if object.Catalog == "" || s.gate.Written(object.Catalog) != 1 {
		s.Errorf("%s names the catalogue %q, which was written %d times", system.RawKey, object.Catalog, s.gate.Written(object.Catalog))
	}
}

// elements splits a results document without the collector's own code.
func elements(t testing.TB, write func(io.Writer) error) map[string]jsontext.Value {
	t.Helper()
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var doc bytes.Buffer
	var results struct {
		Elements []jsontext.Value `json:"results"`
	}
	err := write(&doc)
	if err == nil {
		err = json.Unmarshal(doc.Bytes(), &results, lenient)
	}
	served := map[string]jsontext.Value{}
	for _, e := range results.Elements {
		var head struct {
			UID string `json:"uid"`
		}
		err = errors.Join(err, json.Unmarshal(e, &head, lenient))
		served[head.UID] = e
	}
	if err != nil {
		t.Fatal(err)
	}
	return served
}
