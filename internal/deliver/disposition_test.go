package deliver

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/store"
)

func classed(c fault.Class) error {
	return fmt.Errorf("wrapped: %w", &fault.Error{Class: c, What: "it"})
}

// Each reason, and each error without a reason, leads to one disposition.
func TestDispositions(t *testing.T) {
	t.Parallel()
	late := fmt.Errorf("post: %w", context.DeadlineExceeded)
	sending, none := archive.DeliverySending, ""
	cases := map[string]struct {
		why     reason
		err     error
		again   bool
		is      reason
		next    next
		becomes string
		doubt   bool
		raised  bool
	}{
		"complete":                {why: becauseComplete, is: becauseComplete, next: nextScan, becomes: archive.DeliveryComplete},
		"superseded":              {why: becauseSuperseded, is: becauseSuperseded, next: nextScan, becomes: archive.DeliverySuperseded},
		"unfit":                   {why: becauseUnfit, err: classed(fault.Reject), is: becauseUnfit, next: nextScan, becomes: archive.DeliveryFailed},
		"no time":                 {why: becauseTime, err: late, is: becauseTime, next: nextRelease, becomes: sending},
		"rate":                    {why: becauseRate, err: errRate, is: becauseRate, next: nextRelease, becomes: sending},
		"busy":                    {why: becauseBusy, err: classed(fault.Retry), is: becauseBusy, next: nextRelease, becomes: sending},
		"not announced":           {why: becauseUnannounced, err: late, is: becauseUnannounced, next: nextRelease, becomes: sending},
		"announced, or not":       {why: becauseUnknown, err: late, is: becauseUnknown, next: nextRelease, becomes: sending, doubt: true},
		"too old, tries left":     {why: becauseOld, err: errors.New("old"), again: true, is: becauseOld, next: nextStartOver, becomes: sending, doubt: true},
		"newer under way":         {why: becauseInterrupted, err: fmt.Errorf("wait: %w", errUnderWay), is: becauseUnderWay, next: nextRelease, becomes: sending},
		"replaced":                {why: becauseReplaced, err: errors.New("replaced"), again: true, is: becauseReplaced, next: nextStartOver, becomes: sending, doubt: true},
		"too old, no tries left":  {why: becauseOld, err: errors.New("old"), is: becauseOld, next: nextRelease, becomes: sending, doubt: true},
		"follow-ups left":         {why: becauseFollowUps, is: becauseFollowUps, next: nextRelease, becomes: sending},
		"timestamp ahead":         {why: becauseAhead, err: errors.New("ahead"), is: becauseAhead, next: nextRelease, becomes: sending, raised: true},
		"interrupted":             {why: becauseInterrupted, err: errors.New("S3"), is: becauseInterrupted, next: nextRelease, becomes: sending, raised: true},
		"endpoint down":           {why: becauseDown, err: classed(fault.Config), is: becauseDown, next: nextReport, becomes: sending, raised: true},
		"down, or no time to ask": {why: becauseDown, err: late, is: becauseTime, next: nextRelease, becomes: sending},
		"everything refused":      {why: becauseHopeless, err: classed(fault.Config), is: becauseHopeless, next: nextReport, becomes: sending, doubt: true, raised: true},
		"doubt, tries left":       {why: becauseDoubt, err: late, again: true, is: becauseDoubt, next: nextStartOver, becomes: sending, doubt: true},
		"doubt, no tries left":    {why: becauseDoubt, err: late, is: becauseDoubt, next: nextRelease, becomes: sending, doubt: true},
		"not saved":               {why: becauseUnsaved, err: store.ErrUnknown, is: becauseUnsaved, next: nextNothing, becomes: none, raised: true},
		"not saved: somebody's":   {why: becauseUnsaved, err: store.ErrConflict, is: becauseTakenOver, next: nextNothing, becomes: none, raised: true},
		"taken over":              {why: becauseTakenOver, err: store.ErrConflict, is: becauseTakenOver, next: nextNothing, becomes: none, raised: true},

		"an error: another has written": {err: fmt.Errorf("save: %w", store.ErrConflict), is: becauseTakenOver, next: nextNothing, becomes: none, raised: true},
		"an error: two writes met":      {err: fmt.Errorf("save: %w", store.ErrRace), is: becauseTakenOver, next: nextNothing, becomes: none, raised: true},
		"an error: outcome unknown":     {err: fmt.Errorf("save: %w", store.ErrUnknown), is: becauseUnsaved, next: nextNothing, becomes: none, raised: true},
		"an error: the object":          {err: classed(fault.Reject), is: becauseUnfit, next: nextScan, becomes: archive.DeliveryFailed},
		"an error: the time":            {err: late, is: becauseTime, next: nextRelease, becomes: sending},
		"an error: a setting":           {err: classed(fault.Config), is: becauseInterrupted, next: nextRelease, becomes: sending, raised: true},
		"an error without a class":      {err: errors.New("broken"), is: becauseInterrupted, next: nextRelease, becomes: sending, raised: true},
	}
	seen := map[reason]bool{becauseError: true, becauseEnded: true, becauseLeased: true, becauseOlder: true} // those begin no delivery
	for name, c := range cases {
		got := dispose(c.why, c.err, c.again)
		want := disposition{reason: c.is, err: c.err, next: c.next, becomes: c.becomes, doubt: c.doubt, raised: c.raised}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if (got.cause() != nil) != c.raised || (got.text() == "") != (c.err == nil) {
			t.Errorf("%s: the caller is told %v, the document %q", name, got.cause(), got.text())
		}
		seen[got.reason] = true
	}
	for r := range becauseTakenOver + 1 {
		if !seen[r] || r.String() == "" {
			t.Errorf("no case comes to the reason %d (%s)", r, r)
		}
	}
}

// Each result of a request that was not accepted leads to one reason.
func TestReasonOfARequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result openpipeline.Result
		want   reason
	}{
		"doubt":               {openpipeline.Result{Outcome: openpipeline.Doubt, Err: context.DeadlineExceeded}, becauseDoubt},
		"unusable":            {openpipeline.Result{Outcome: openpipeline.Unusable, Err: classed(fault.Config)}, becauseDown},
		"rate":                {openpipeline.Result{Outcome: openpipeline.Busy, Err: errRate}, becauseRate},
		"no time to try":      {openpipeline.Result{Outcome: openpipeline.Busy, Err: fmt.Errorf("wait: %w", context.DeadlineExceeded)}, becauseTime},
		"refused for a while": {openpipeline.Result{Outcome: openpipeline.Busy, Err: classed(fault.Retry)}, becauseBusy},
	} {
		if got := reasonOf(&c.result); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
