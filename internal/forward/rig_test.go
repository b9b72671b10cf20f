package forward_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/simulate/s3server"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

type scan = site.Scan

// rig is a forwarder between a real S3 server and a simulated receiver.
type rig struct {
	*site.Site
	people people // who get the notices
}

func newRig(t *testing.T, change func(*forwarderconfig.Settings)) *rig {
	t.Helper()
	return rigOn(t, site.StartS3(t), "archive", change)
}

// rigOn makes a rig with a bucket of its own on an S3 server that others use, too.
func rigOn(t *testing.T, srv *s3server.Server, bucket string, change func(*forwarderconfig.Settings)) *rig {
	t.Helper()
	return &rig{Site: site.New(t, srv, bucket, change)}
}

// forwarder makes a new forwarder, as a new sandbox of Lambda does.
func (r *rig) forwarder() *forward.Forwarder {
	return r.sandbox(r.Store, r.Server.Client().Transport)
}

// sandbox makes a forwarder with this store and this transport.
func (r *rig) sandbox(store *store.Store, transport http.RoundTripper) *forward.Forwarder {
	o := r.Through(store, transport)
	return forward.New(forward.Options{
		Settings: o.Settings, Archive: o.Archive, Sender: o.Sender, Log: o.Log, Metrics: o.Metrics, Notices: &r.people, Now: o.Now, Sleep: o.Sleep, NewID: o.NewID,
		Check: func(_ context.Context, payload jsontext.Value) (any, error) { return "checked " + string(payload), nil },
	})
}

func (r *rig) deliver(key string) (deliver.Outcome, error) {
	return r.forwarder().Deliver(r.T.Context(), key)
}

// delivered expects a delivery to end in a state.
func (r *rig) delivered(key, state string) deliver.Outcome {
	r.T.Helper()
	out, err := r.deliver(key)
	if err != nil || out.State != state {
		r.T.Fatalf("delivery of %s: %q, %v, %s; want %q", key, out.State, err, out.Reason, state)
	}
	return out
}

func TestMain(m *testing.M) {
	if err := os.Unsetenv("AWS_CA_BUNDLE"); err != nil { // the machine's own settings are not the test's
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Bool("faults.full", false, "try every line of the fault table")
	flag.Uint64("chaos.seed", 20261129, "the chaos of this seed; 0: of a new one")
	flag.Int("chaos.rounds", usualRounds, "rounds of chaos")
	flag.Int("chaos.round", 0, "begin with this round")
	os.Exit(m.Run())
}

// setting returns the value of one of the flags above.
func setting[T any](name string) T { return flag.Lookup(name).Value.(flag.Getter).Get().(T) }
