package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// accident is how the nth call to the outside ends.
type accident string

const (
	crashBefore accident = "crash before"  // the call has no effect; the process is dead
	crashAfter  accident = "crash after"   // the call has its effect; the process is dead
	failOnce    accident = "fail once"     // the call has no effect and says so
	loseAnswer  accident = "answer lost"   // the call has its effect and says it failed
	lostRead    accident = "unknown write" // a state write whose outcome stays unknown; it was applied
	met         accident = "409"           // a state write that met another one: no effect
)

// accidents are all kinds of accidents.
func accidents() []accident {
	return []accident{crashBefore, crashAfter, failOnce, loseAnswer, lostRead, met}
}

var errCrash = errors.New("the process is dead")

// outside is what separates a run from the world: every call passes it.
type outside struct {
	mu       sync.Mutex
	calls    int
	at       int // the call that meets the accident; 0: none
	accident accident
	hit      kind // of the call that met it
	dead     bool
}

// kind of a call.
type kind int

const (
	other kind = iota
	read       // of a state document
	write      // of a state document
)

func (o *outside) call(k kind, effect func() error) error {
	o.mu.Lock()
	o.calls++
	hit, dead := o.calls == o.at, o.dead
	if hit {
		o.hit = k
	}
	o.mu.Unlock()
	switch {
	case dead:
		return errCrash
	case !hit:
		return effect()
	}
	busy := &fault.Error{Class: fault.Retry, What: "did not answer"}
	switch o.accident {
	case failOnce:
		return busy
	case loseAnswer:
		if err := effect(); err != nil {
			return err
		}
		if k == write {
			return nil // the archive settles it by reading
		}
		return busy
	case lostRead:
		if err := effect(); err != nil {
			return err
		}
		if k == write {
			return store.ErrUnknown
		}
		return busy
	case met:
		if k == write {
			return store.ErrRace
		}
		return busy
	case crashAfter:
		if err := effect(); err != nil {
			return err
		}
	}
	o.mu.Lock()
	o.dead = true
	o.mu.Unlock()
	return errCrash
}

// newProcess begins a new process, as Lambda does after a crash.
func (o *outside) newProcess() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = false
}

// memory is an archive bucket with the conditional writes of S3.
type memory struct {
	*outside
	mu      sync.Mutex
	objects map[string]string
	etags   map[string]string
	puts    map[string]int   // raw uploads that took effect
	raced   int              // uploads yet to end with ErrRace
	broken  map[string]error // documents that cannot be read
	order   []string         // keys in the order of their first write
	stored  map[string]time.Time
	saves   int // writes of runs/active.json
}

func newMemory(o *outside) *memory {
	return &memory{outside: o, objects: map[string]string{}, etags: map[string]string{}, puts: map[string]int{}, stored: map[string]time.Time{}}
}

func (m *memory) ActiveRun(context.Context) (store.Doc[archive.Run], error) {
	return m.load(archive.ActiveRunKey)
}

func (m *memory) FinishedRun(_ context.Context, id string) (store.Doc[archive.Run], error) {
	return m.load(archive.RunKey(id))
}

func (m *memory) load(key string) (doc store.Doc[archive.Run], err error) {
	doc.Key = key
	err = m.call(read, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.etags[key] == "" || m.broken[key] != nil {
			return m.broken[key]
		}
		doc.ETag = m.etags[key]
		return json.Unmarshal([]byte(m.objects[key]), &doc.Value)
	})
	return doc, err
}

func (m *memory) Runs(_ context.Context, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var ids []string
		err := m.call(other, func() error {
			m.mu.Lock()
			defer m.mu.Unlock()
			for key := range m.objects {
				id, run := strings.CutPrefix(key, "runs/")
				if run && key != archive.ActiveRunKey && id > since.UTC().Format("20060102T150405Z") {
					ids = append(ids, strings.TrimSuffix(id, ".json"))
				}
			}
			return nil
		})
		slices.Sort(ids)
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func (m *memory) SaveRun(ctx context.Context, doc *store.Doc[archive.Run]) error {
	return m.call(write, func() error {
		if ctx.Err() != nil {
			return store.ErrUnknown
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.etags[doc.Key] != doc.ETag {
			return store.ErrConflict
		}
		body, err := json.Marshal(doc.Value)
		if err != nil {
			return err
		}
		m.write(doc.Key, string(body))
		doc.ETag = m.etags[doc.Key]
		return nil
	})
}

func (m *memory) write(key, body string) {
	if m.etags[key] == "" {
		m.order = append(m.order, key)
		m.stored[key] = time.Now()
	}
	if key == archive.ActiveRunKey {
		m.saves++
	}
	m.objects[key], m.etags[key] = body, uuid.NewString()
}

func (m *memory) PutRaw(_ context.Context, key string, write func(io.Writer) error) (stored store.Stored, err error) {
	err = m.call(other, func() error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.raced > 0 {
			m.raced--
			return store.ErrRace
		}
		if m.etags[key] != "" {
			return store.ErrExists
		}
		m.write(key, b.String())
		m.puts[key]++
		stored = describe(key, b.String())
		return nil
	})
	return stored, err
}

func (m *memory) PutCatalog(_ context.Context, write func(io.Writer) error) (key string, err error) {
	err = m.call(other, func() error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		key = "catalog/" + fmt.Sprint(b.Len()) + ".json.gz"
		m.write(key, b.String())
		return nil
	})
	return key, err
}

func (m *memory) Inspect(_ context.Context, key string) (stored store.Stored, envelope archive.Envelope, err error) {
	err = m.call(other, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.etags[key] == "" {
			return store.ErrMissing
		}
		stored = describe(key, m.objects[key])
		return json.Unmarshal([]byte(m.objects[key]), &envelope, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	})
	return stored, envelope, err
}

func describe(key, body string) store.Stored {
	sum := sha256.Sum256([]byte(body))
	return store.Stored{Key: key, Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
}

func (m *memory) run(t *testing.T, key string) archive.Run {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var r archive.Run
	if err := json.Unmarshal([]byte(m.objects[key]), &r); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return r
}

func (m *memory) raw() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]string{}
	for key, body := range m.objects {
		if strings.HasPrefix(key, archive.RawPrefix) {
			all[key] = body
		}
	}
	return all
}

// before is when the machines were analysed last.
const before = "2026-11-21T02:00:00Z"
