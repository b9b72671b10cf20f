package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// stream is an appliance with one system, whose results have any size and are cheap to
// serve: one failed check with very many objects.
type stream struct {
	block []byte // objects of the check, separated by commas
	size  int64  // of all objects in bytes, about

	// interrupt, if set, is called while a download is written, with the number
	// of bytes written so far.
	interrupt func(r *http.Request, written int64)
}

const (
	streamID   = "5f1ab8d2-8f3c-4a57-9b6e-0d9a4c1f2e77"
	streamHead = `{"results":[{"uid":"` + streamID + `","scanStatus":{"status":"FINISHED_SUCCESSFULLY","timestamp":"2026-11-21T14:00:00.000Z"},"issues":[`
	streamTail = `]}]}`
	issueHead  = `{"id":"4711","issueDisplayId":"VSPH-80-000201","affects":"Security","appliesTo":"VM","severity":"Major","type":"STIG",` +
		`"title":"The device must be disconnected","url":"https://kb.example/4711","products":[{"name":"VMware vSphere"}],` +
		`"status":"FAIL","affectedObjectsCount":1,"affectedObjects":[`
	issueTail = `]}`
)

// ServeHTTP answers what a run in mode latest asks for.
func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.RequestURI() {
	case "/rc2/api/v1/vcenters":
		_, _ = io.WriteString(w, `{"vcenters":[{"uid":"`+streamID+`","address":"vc1.example"}]}`)
	case "/rc2/api/v1/issues":
		_, _ = io.WriteString(w, `{"issues":[]}`)
	case "/rc2/api/v1/results?onlyDetectedIssues=true":
		_, _ = io.WriteString(w, streamHead+streamTail)
	case "/rc2/api/v1/results":
		_ = s.writeResults(&interruptible{w: w, r: r, call: s.interrupt}) // fails when the client has gone
	default:
		http.NotFound(w, r)
	}
}

// writeResults writes the whole results document.
func (s *stream) writeResults(w io.Writer) error {
	_, err := io.WriteString(w, streamHead+issueHead)
	for n := int64(0); n < s.size && err == nil; n += int64(len(s.block)) {
		if n > 0 {
			_, err = io.WriteString(w, ",")
		}
		if err == nil {
			_, err = w.Write(s.block)
		}
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, issueTail+streamTail)
	return err
}

// element returns the system's part of the results document.
func (s *stream) element(t testing.TB) []byte {
	t.Helper()
	var doc bytes.Buffer
	if err := s.writeResults(&doc); err != nil {
		t.Fatal(err)
	}
	return doc.Bytes()[len(`{"results":[`) : doc.Len()-len(`]}`)]
}

// scene is the appliance of a scene, and what it serves of its system.
func (s *stream) scene(t testing.TB) (http.Handler, func() map[string]jsontext.Value) {
	element := s.element(t)
	return s, func() map[string]jsontext.Value { return map[string]jsontext.Value{streamID: element} }
}

type interruptible struct {
	w    io.Writer
	r    *http.Request
	n    int64
	call func(*http.Request, int64)
}

func (i *interruptible) Write(p []byte) (int, error) {
	if i.call != nil {
		i.call(i.r, i.n)
	}
	n, err := i.w.Write(p)
	i.n += int64(n)
	return n, err
}

// machines makes objects as a check of virtual machines lists them.
func machines(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{"TRUE", "FALSE", "not set", "disabled"}
	return objects(size, func(i int) string {
		return fmt.Sprintf(`{"vcUid":"`+streamID+`","moid":"vm-%d","name":"srv-%s-%05d.prod.example","type":"VirtualMachine","resultValues":[`+
			`{"description":"isolation.device.connectable.disable","value":"%s"},{"description":"uuid","value":"%08x-%04x-4%03x-a%03x-%012x"}]}`,
			1000+i, []string{"web", "db", "app", "ldap"}[random.IntN(4)], random.IntN(100_000), values[random.IntN(4)],
			random.Uint32(), random.IntN(1<<16), random.IntN(1<<12), random.IntN(1<<12), random.Int64N(1<<48))
	})
}

// noise makes objects that gzip compresses to three quarters at best, so that a few
// megabytes are several parts of an upload.
func noise(size int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	return objects(size, func(i int) string {
		value := make([]byte, 3000)
		_, _ = random.Read(value) // never fails
		return fmt.Sprintf(`{"vcUid":"`+streamID+`","moid":"vm-%d","name":"vm %d","type":"VirtualMachine","resultValues":[{"description":"log","value":"%s"}]}`,
			i, i, base64.StdEncoding.EncodeToString(value))
	})
}

// objects joins objects until they have a size in bytes.
func objects(size int, object func(i int) string) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(object(i))
	}
	return b.Bytes()
}
