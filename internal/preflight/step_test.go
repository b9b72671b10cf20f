package preflight

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A check ends in a minute, however long its steps would take.
func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits := func(ctx context.Context) Row { <-ctx.Done(); return Passed("over") }
		began := time.Now()
		r := walk(t.Context(), []Step{Single("slow", waits), Single("late", waits)})
		if took := time.Since(began); took != checkTime {
			t.Errorf("it took %s", took)
		}
		want := []Row{{Check: "slow", State: OK, Detail: "over"}, {Check: "late", State: Skipped, Detail: "the 1m0s of a check are over"}}
		if diff := cmp.Diff(want, r.Checks); diff != "" {
			t.Error(diff)
		}
	})
}
