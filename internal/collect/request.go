package collect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

// The triggers of a run, as its document names them.
const (
	triggerSchedule = "schedule"
	triggerConsole  = "console"
)

// request is a request to the collector. at is the time for which the schedule sent it;
// zero: a person sent it.
type request struct {
	payload.RunRequest
	at time.Time
}

// requestOf completes a request that was parsed.
func requestOf(r payload.RunRequest) (request, error) {
	at, err := r.Scheduled()
	return request{r, at}, err
}

// trigger returns who asked for the run: the schedule or a person.
func (r request) trigger() string {
	if r.at.IsZero() {
		return triggerConsole
	}
	return triggerSchedule
}

// runID returns the id of the run that the request starts, as 20261122T020000Z-4f3a. It
// is the same for the same event of the schedule, and differs between two schedules of
// the same time.
func (r request) runID(now time.Time) string {
	at, seed := r.at, uuid.NewString()
	if !at.IsZero() {
		systems := slices.Sorted(slices.Values(r.Systems))
		seed = fmt.Sprint(at.UnixNano(), r.Mode, r.Force, strings.Join(systems, "\x00"))
	} else {
		at = now.UTC()
	}
	return archive.NewRunID(at, seed)
}
