package preflight

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
)

func TestMisconfiguration(t *testing.T) {
	t.Parallel()
	one := errors.New("one fault")
	r := misconfiguration(one)
	if len(r.Checks) != 1 || r.OK || r.Checks[0].Detail != "one fault" || r.Checks[0].State != Failed {
		t.Errorf("%+v", r)
	}
}

// With settings that cannot be used, check names all faults, and any other payload is
// refused.
func TestMisconfigured(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("read configuration: %w", errors.Join(
		&fault.Error{Class: fault.Config, Where: "RUNECAST_URL", What: "is not set", Cure: "set it"},
		&fault.Error{Class: fault.Config, Where: "ARCHIVE_BUCKET", What: "is not set", Cure: "set it, too"}))
	handle := Misconfigured(cause)
	if _, err := handle(t.Context(), []byte(`{}`)); !errors.Is(err, cause) {
		t.Errorf("a start gives %v", err)
	}
	got, err := handle(t.Context(), []byte(`{"action":"check"}`))
	want := Report{
		Checks: []Row{
			{Check: "configuration", State: "failed", Detail: "RUNECAST_URL: is not set", Cure: "set it"},
			{Check: "configuration", State: "failed", Detail: "ARCHIVE_BUCKET: is not set", Cure: "set it, too"},
		},
		Next: `cure "configuration" first, then check again with {"action":"check"}`,
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}
