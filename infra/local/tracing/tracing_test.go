package tracing

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/strategy/sampling"
	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/google/go-cmp/cmp"
)

// asking is a connection that signals when the sink asks for the next packet. By then
// the sink has taken all packets before it.
type asking struct {
	net.PacketConn
	asked chan struct{}
}

func (a asking) ReadFrom(p []byte) (int, net.Addr, error) {
	a.asked <- struct{}{}
	return a.PacketConn.ReadFrom(p)
}

func listen(t *testing.T) *Sink {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(asking{conn, make(chan struct{}, 100)}) // more than any test's packets
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// traced returns a context of the real SDK that samples every trace and sends it to the
// sink.
func traced(t *testing.T, s *Sink) context.Context {
	t.Helper()
	emitter, err := xray.NewDefaultEmitter(s.conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := xray.ContextWithConfig(t.Context(), xray.Config{DaemonAddr: s.Address(), Emitter: emitter, SamplingStrategy: all{}})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

type all struct{}

func (all) ShouldTrace(*sampling.Request) *sampling.Decision { return &sampling.Decision{Sample: true} }

// await waits until the sink has taken this number of packets, and compares the counts.
func await(t *testing.T, s *Sink, packets int, want Stats) {
	t.Helper()
	lost := time.After(time.Minute) // UDP does not tell when a packet is lost
	for range packets + 1 {
		select {
		case <-s.conn.(asking).asked:
		case <-lost:
			t.Fatalf("not %d packets have arrived: %+v", packets, s.Stats())
		}
	}
	if d := cmp.Diff(want, s.Stats()); d != "" {
		t.Error(d)
	}
}

func TestTheSDKsSegmentsArrive(t *testing.T) {
	t.Parallel()
	s := listen(t)
	ctx, segment := xray.BeginSegment(traced(t, s), "collector")
	_ = xray.Capture(ctx, "upload", func(ctx context.Context) error {
		return xray.Capture(ctx, "part", func(context.Context) error { return errors.New("refused") })
	})
	segment.Close(nil)
	await(t, s, 1, Stats{Segments: 1, Subsegments: 2, Faults: 2, Traces: 1})
}

// In Lambda the service makes the segment, and the SDK sends subsegments only.
func TestTheSDKsSubsegmentsInLambdaArrive(t *testing.T) {
	s := listen(t)
	t.Setenv("LAMBDA_TASK_ROOT", "/var/task")
	//nolint:staticcheck // the key is the one under which aws-lambda-go passes the header
	ctx := context.WithValue(traced(t, s), xray.LambdaTraceHeaderKey, "Root=1-6b02fba2-fe5f934fb45275ae83545dcb;Parent=53995c3f42cd8ad8;Sampled=1")
	if err := xray.Capture(ctx, "upload", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	await(t, s, 1, Stats{Subsegments: 1, Traces: 1})
}

func TestOtherPacketsAreRefused(t *testing.T) {
	t.Parallel()
	s := listen(t)
	conn, err := net.Dial("udp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const head = `{"format":"json","version":1}` + "\n"
	const good = `{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-6b02fba2-fe5f934fb45275ae83545dcb","start_time":1.5}`
	bad := []string{
		good, "{}\n" + good, `{"format":"json","version":2}` + "\n" + good, head, head + "[]",
		head + strings.Replace(good, `"a"`, `""`, 1),
		head + strings.Replace(good, "1-6b02fba2", "6b02fba2", 1),
		head + strings.Replace(good, `"53995c3f42cd8ad8"`, `"x"`, 1),
		head + strings.Replace(good, "1.5", "0", 1),
		head + strings.Replace(good, "{", `{"type":"subsegment",`, 1), // without a parent
	}
	for _, p := range bad {
		if _, err := conn.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write([]byte(head + good)); err != nil {
		t.Fatal(err)
	}
	await(t, s, len(bad)+1, Stats{Segments: 1, Traces: 1, Refused: len(bad)})
}
