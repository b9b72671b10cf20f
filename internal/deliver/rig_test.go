package deliver_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/simulate/site"
)

type scan = site.Scan

// rig is a deliverer between a real S3 server and a simulated receiver.
type rig struct{ *site.Site }

func newRig(t *testing.T, change func(*forwarderconfig.Settings)) *rig {
	t.Helper()
	return &rig{site.New(t, site.StartS3(t), "archive", change)}
}

// deliver delivers an object by a trigger, in a new sandbox.
func (r *rig) deliver(key string) (deliver.Outcome, error) {
	return r.request(r.T.Context(), key, deliver.Request{})
}

// request delivers an object by a request, in a new sandbox.
func (r *rig) request(ctx context.Context, key string, q deliver.Request) (deliver.Outcome, error) {
	return deliver.New(r.Options()).Deliver(ctx, key, deliver.WindowOf(ctx, r.Clock.Now()), q)
}

// delivered expects a delivery to end in a state.
func (r *rig) delivered(key, state string) deliver.Outcome {
	r.T.Helper()
	return r.replayed(key, state, deliver.Request{})
}

// replayed expects a delivery by a replay request to end in a state.
func (r *rig) replayed(key, state string, q deliver.Request) deliver.Outcome {
	r.T.Helper()
	out, err := r.request(r.T.Context(), key, q)
	if err != nil || out.State != state {
		r.T.Fatalf("delivery of %s: %q, %v, %s; want %q", key, out.State, err, out.Reason, state)
	}
	return out
}

func TestMain(m *testing.M) {
	if err := os.Unsetenv("AWS_CA_BUNDLE"); err != nil { // the machine's settings must not change the test
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
