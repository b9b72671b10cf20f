package collect

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/runecast"
)

// machine is one system of the fake appliance.
type machine struct {
	id, name string
	scan     runecast.Scan
	issues   string
	detected string        // issues that found something; empty: all of them
	takes    time.Duration // of its analysis; 0: at once
	ends     string        // status of its next analysis; empty: success
	refuses  error         // of a trigger
	gone     bool          // the appliance lists it no more
	due      time.Time     // when the running analysis ends; zero: none runs
	begun    time.Time     // when the running analysis began
	grows    int           // v2 shows a running analysis by its start, while this many checks appear; 0: it shows the one before
	posts    int
}

const passed = `[{"id":"1","type":"CIS","status":"PASS"}]`

// box is a fake appliance.
type box struct {
	*outside
	mu        sync.Mutex
	machines  []*machine
	failures  map[string]error // by method
	cut       int              // bytes after which downloads break; 0: never
	beforeGet func()           // runs before a download
	hold      func()           // runs in Statuses
	skew      time.Duration    // of the appliance's clock
	gets      int
	polls     int
	begun     []string // versions that invocations went on with
}

func (b *box) settle() {
	for _, m := range b.machines {
		if !m.due.IsZero() && !time.Now().Before(m.due) {
			m.scan = runecast.Scan{Status: "FINISHED_SUCCESSFULLY", Timestamp: m.due.Add(b.skew).UTC().Format(time.RFC3339Nano)}
			if m.ends != "" {
				m.scan.Status = m.ends
			}
			m.due = time.Time{}
		}
	}
}

func (b *box) do(name string, effect func() error) error {
	return b.call(other, func() error {
		if err := b.failures[name]; err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settle()
		return effect()
	})
}

func (b *box) Systems(context.Context) (all []runecast.System, err error) {
	err = b.do("Systems", func() error {
		for _, m := range b.machines {
			if !m.gone {
				all = append(all, runecast.System{ID: m.id, Name: m.name, Type: "VCENTER", Scan: m.scan})
			}
		}
		return nil
	})
	return all, err
}

func (b *box) APIVersion(_ context.Context, past appliance.Past) (string, error) {
	b.begun = append(b.begun, past.Run)
	return runecast.V1, nil
}

func (b *box) Received() int64 { return 0 }

func (b *box) Describe(context.Context, []runecast.System) error { return nil }

func (b *box) Statuses(context.Context, []string) (scans map[string]runecast.Scan, err error) {
	if b.hold != nil {
		b.hold()
	}
	scans = map[string]runecast.Scan{}
	err = b.do("Statuses", func() error {
		b.polls++
		for _, m := range b.machines {
			if !m.gone && m.scan != (runecast.Scan{}) {
				scans[m.id] = m.scan
			}
		}
		return nil
	})
	return scans, err
}

func (b *box) Trigger(_ context.Context, id string) error {
	return b.do("Trigger", func() error {
		for _, m := range b.machines {
			if m.id != id {
				continue
			}
			m.posts++
			if m.refuses != nil {
				return m.refuses
			}
			m.start()
		}
		return nil
	})
}

func (m *machine) start() {
	if m.due.IsZero() {
		m.begun, m.due = time.Now(), time.Now().Add(m.takes)
	}
}

func (b *box) element(m *machine) string {
	return fmt.Sprintf(` { "uid":%q, "issues":%s,"scanStatus":{"status":%q,"timestamp":%q},"n":1e400 }`, m.id, m.issues, m.scan.Status, m.scan.Timestamp)
}

func (b *box) Results(_ context.Context, _ []string, visit func(*runecast.Element) error) error {
	if b.beforeGet != nil {
		b.beforeGet()
	}
	var doc string
	err := b.do("Results", func() error {
		b.gets++
		var all []string
		for _, m := range b.machines {
			if !m.gone {
				all = append(all, b.element(m))
			}
		}
		doc = `{"results":[` + strings.Join(all, ",") + `]}`
		return nil
	})
	if err != nil {
		return err
	}
	if b.cut > 0 && b.cut < len(doc) {
		doc = doc[:b.cut]
	}
	return runecast.ReadV1(strings.NewReader(doc), nil, visit)
}

func (b *box) Issues(_ context.Context, dst io.Writer) error {
	return b.do("Issues", func() error {
		_, err := io.WriteString(dst, `{"issues":[]}`)
		return err
	})
}

func (b *box) Info(context.Context) runecast.Info {
	return runecast.Info{InstanceUUID: "instance", Version: "6.9.12.0", Definitions: "6.9.12.1"}
}
