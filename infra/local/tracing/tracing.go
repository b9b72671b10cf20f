// Package tracing is an X-Ray daemon that sends nothing on. It promises to
// take what the X-Ray SDK sends over UDP, to count what the service would take
// and what it would drop, and to keep the first segments for a report.
package tracing

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"sync"

	"github.com/go-json-experiment/json"
)

// maxDatagram is the largest UDP packet; a segment document has at most 64 kB.
const maxDatagram = 64 << 10

// Stats is what has arrived so far.
type Stats struct {
	// Segments and Subsegments count the documents, and those nested in them.
	Segments, Subsegments int
	// Faults counts the segments and subsegments that are marked as error, fault
	// or throttle.
	Faults int
	// Traces is the number of different trace ids.
	Traces int
	// Refused counts packets that X-Ray would not take.
	Refused int
}

// Sink is a listening daemon. It is safe for concurrent use.
type Sink struct {
	conn   net.PacketConn
	closed chan struct{}

	mu     sync.Mutex
	stats  Stats
	traces map[string]struct{}
	spans  []Span
}

// Listen opens a free UDP port on 127.0.0.1, and takes packets until Close.
func Listen() (*Sink, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the X-Ray listener: %w", err)
	}
	return serve(conn), nil
}

func serve(conn net.PacketConn) *Sink {
	s := &Sink{conn: conn, closed: make(chan struct{}), traces: map[string]struct{}{}}
	go s.receive()
	return s
}

// Address returns the value for AWS_XRAY_DAEMON_ADDRESS, host:port.
func (s *Sink) Address() string { return s.conn.LocalAddr().String() }

// Stats returns what has arrived so far.
func (s *Sink) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Traces = len(s.traces)
	return s.stats
}

// Close stops listening, and returns when no packet is read any more.
func (s *Sink) Close() error {
	err := s.conn.Close()
	<-s.closed
	return err
}

func (s *Sink) receive() {
	defer close(s.closed)
	packet := make([]byte, maxDatagram)
	for {
		n, _, err := s.conn.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		s.take(packet[:n])
	}
}

// document is a segment document, reduced to what X-Ray requires of it.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
type document struct {
	Name        string         `json:"name"`
	ID          string         `json:"id"`
	TraceID     string         `json:"trace_id"`
	ParentID    string         `json:"parent_id"`
	Type        string         `json:"type"`
	StartTime   float64        `json:"start_time"`
	EndTime     float64        `json:"end_time"` // absent while the work is in progress
	Annotations map[string]any `json:"annotations"`
	Error       bool           `json:"error"`
	Fault       bool           `json:"fault"`
	Throttle    bool           `json:"throttle"`
	Subsegments []document     `json:"subsegments"`
}

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

var (
	traceID   = regexp.MustCompile(`^1-[0-9a-f]{8}-[0-9a-f]{24}$`)
	segmentID = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

func (s *Sink) take(packet []byte) {
	d, ok := parse(packet)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.stats.Refused++
		return
	}
	s.traces[d.TraceID] = struct{}{}
	s.count(d, d.Type == "subsegment")
	s.keep(d, d.TraceID, 0)
}

// parse reads a packet: a header line, then one document. It reports whether X-Ray
// would take the packet.
func parse(packet []byte) (document, bool) {
	var h header
	var d document
	first, rest, found := bytes.Cut(packet, []byte("\n"))
	if !found || json.Unmarshal(first, &h) != nil || h != (header{"json", 1}) || json.Unmarshal(rest, &d) != nil {
		return d, false
	}
	ok := d.Name != "" && segmentID.MatchString(d.ID) && traceID.MatchString(d.TraceID) && d.StartTime > 0 &&
		(d.Type == "" || d.Type == "subsegment" && segmentID.MatchString(d.ParentID))
	return d, ok
}

func (s *Sink) count(d document, sub bool) {
	if sub {
		s.stats.Subsegments++
	} else {
		s.stats.Segments++
	}
	if d.failure() != "" {
		s.stats.Faults++
	}
	for _, inner := range d.Subsegments {
		s.count(inner, true)
	}
}
