package collect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

const (
	actionStart   = "start"
	actionTick    = "tick"
	actionStatus  = "status"
	actionCancel  = "cancel"
	actionCheck   = "check"
	actionCapture = "capture"

	modeAnalyze = "analyze"
	modeLatest  = "latest"

	triggerSchedule = "schedule"
	triggerConsole  = "console"
)

// request is a payload of the collector.
type request struct {
	Action string `json:"action"`
	// Systems limits the run to these names or ids.
	Systems []string `json:"systems"`
	// Mode is analyze, or latest: archive what the appliance has, without a trigger.
	Mode string `json:"mode"`
	// Force archives in mode latest what was archived before.
	Force bool `json:"force"`
	// ScheduledTime is the schedule's own time, RFC 3339: a start event that
	// is delivered twice is one run.
	ScheduledTime string `json:"scheduledTime"`

	at time.Time
}

func parse(payload []byte) (request, error) {
	req := request{Action: actionStart, Mode: modeAnalyze}
	if payload = bytes.TrimSpace(payload); len(payload) > 0 {
		if err := json.Unmarshal(payload, &req, json.RejectUnknownMembers(true)); err != nil {
			return req, badPayload("it is not understood", err)
		}
	}
	switch req.Action {
	case "":
		req.Action = actionStart
	case actionStart, actionTick, actionStatus, actionCancel, actionCheck, actionCapture:
	default:
		return req, badPayload(fmt.Sprintf("the action %q is not known", req.Action), nil)
	}
	switch req.Mode {
	case "":
		req.Mode = modeAnalyze
	case modeAnalyze, modeLatest:
	default:
		return req, badPayload(fmt.Sprintf("the mode %q is not known", req.Mode), nil)
	}
	if req.ScheduledTime != "" {
		at, err := time.Parse(time.RFC3339, req.ScheduledTime)
		if err != nil {
			return req, badPayload("scheduledTime is not a time in RFC 3339", nil)
		}
		req.at = at.UTC()
	}
	return req, nil
}

func badPayload(what string, cause error) error {
	return &fault.Error{Class: fault.Reject, What: "the payload cannot be used, " + what, Err: cause,
		Cure: `send {} or {"action":"start","systems":["name"],"mode":"analyze|latest","force":true}, {"action":"tick"}, {"action":"status"}, {"action":"cancel"}, {"action":"check"} or {"action":"capture"}`}
}

// trigger says who asked.
func (r request) trigger() string {
	if r.at.IsZero() {
		return triggerConsole
	}
	return triggerSchedule
}

// runID names the run, as 20261122T020000Z-4f3a: the same for the same start
// event, and different for two schedules of one time.
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
