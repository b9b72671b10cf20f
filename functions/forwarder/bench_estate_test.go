package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
)

const (
	estateID = "5f1ab8d2-8f3c-4a57-9b6e-0d9a4c1f2e77"
	// estateBlock is how many different objects are made; a check with more repeats them.
	// They are larger than the window of gzip, 32 KiB, so that repetition does not help it.
	estateBlock = 500
)

// estate is an archived analysis of any size that is cheap to make: checks that failed,
// each on so many virtual machines.
type estate struct {
	id              string // of its system
	checks, objects int
	machines        [][]byte
	started         time.Time // of its run
	bytes           int64     // as stored; 0: unknown
}

// newEstate is of a run that began just now.
func newEstate(checks, objects int) *estate {
	return &estate{id: estateID, checks: checks, objects: objects, machines: estateMachines(estateBlock), started: time.Now().UTC().Truncate(time.Second)}
}

func (e *estate) run() string { return e.started.Format("20060102T150405Z") + "-4f3a" }

// key is that of the raw object.
func (e *estate) key() string { return archive.RawKey(e.started, e.run(), e.id, "vc1.example") }

// created is S3's event for the raw object.
func (e *estate) created() string {
	return fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":%d}}}]}`, benchBucket, e.key(), e.bytes)
}

// findings is how many findings the estate has.
func (e *estate) findings() int { return e.checks * e.objects }

// estateMachines makes objects as a check of virtual machines lists them.
func estateMachines(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{"TRUE", "FALSE", "not set", "disabled"}
	machines := make([][]byte, n)
	for i := range machines {
		machines[i] = fmt.Appendf(nil, `{"vcUid":"`+estateID+`","moid":"vm-%d","name":"srv-%s-%05d.prod.example","type":"VirtualMachine","resultValues":[`+
			`{"description":"isolation.device.connectable.disable","value":"%s"},{"description":"uuid","value":"%08x-%04x-4%03x-a%03x-%012x"}]}`,
			1000+i, []string{"web", "db", "app", "ldap"}[random.IntN(4)], random.IntN(100_000), values[random.IntN(4)],
			random.Uint32(), random.IntN(1<<16), random.IntN(1<<12), random.IntN(1<<12), random.Int64N(1<<48))
	}
	return machines
}

// write writes the raw object, uncompressed.
func (e *estate) write(w io.Writer) error {
	err := archive.Envelope{
		Run:       archive.EnvelopeRun{ID: e.run(), Trigger: "schedule", StartedAt: e.started},
		Appliance: archive.Appliance{URL: "https://rc.example", API: "v1", Version: "6.9.12.0", Definitions: "6.9.12.1"},
		System:    archive.System{ID: e.id, Name: "vc1.example", Type: "VCENTER"},
		Scan:      archive.EnvelopeScan{Status: "FINISHED_SUCCESSFULLY", CompletedAt: e.started.Add(time.Hour).Format(time.RFC3339)},
	}.WriteHead(w)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(w, `{"uid":"`+e.id+`","issues":[`); err != nil {
		return err
	}
	for i := range e.checks {
		if err := e.writeCheck(w, i); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, `]}}`)
	return err
}

func (e *estate) writeCheck(w io.Writer, i int) error {
	text := []byte{}
	if i > 0 {
		text = append(text, ',')
	}
	profile := []string{"CIS", "STIG", "NIST", "PCI"}[i%4]
	text = fmt.Appendf(text, `{"id":"%d","issueDisplayId":"VSPH-80-%06d","affects":"Security","appliesTo":"VM","severity":"%s","type":"%s",`+
		`"title":"The virtual machine must have device %d disconnected","url":"https://kb.example/%d","products":[{"name":"VMware vSphere"}],`+
		`"status":"FAIL","affectedObjectsCount":%d,"affectedObjects":[`,
		4711+i, i, []string{"Critical", "Major", "Medium", "Low"}[i/4%4], profile, i, i, e.objects)
	for o := range e.objects {
		if o > 0 {
			text = append(text, ',')
		}
		if text = append(text, e.machines[o%len(e.machines)]...); len(text) > 1<<16 {
			if _, err := w.Write(text); err != nil {
				return err
			}
			text = text[:0]
		}
	}
	_, err := w.Write(append(text, `]}`...))
	return err
}

// size is the length of the raw object, uncompressed.
func (e *estate) size(t testing.TB) (n int64) {
	t.Helper()
	if err := e.write(writerFunc(func(p []byte) (int, error) { n += int64(len(p)); return len(p), nil })); err != nil {
		t.Fatal(err)
	}
	return n
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
