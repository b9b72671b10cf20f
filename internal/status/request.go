package status

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

const (
	// usualWindow is how far back an answer looks unless told.
	usualWindow = 7 * 24 * time.Hour
	// usualLimit and mostLimit bound the objects that one call looks at.
	usualLimit = 10_000
	mostLimit  = 100_000
)

// Request selects raw objects. All members are optional.
type Request struct {
	// Since and Until bound when a run started, for hand-made documents when
	// they were uploaded: RFC 3339, or a date, UTC. The default is the last 7 days,
	// with a prefix all time. An Until that is a date includes that day.
	Since string `json:"since,omitzero"`
	Until string `json:"until,omitzero"`
	// System is the name or the id of the only system.
	System string `json:"system,omitzero"`
	// Prefix is how the keys of the objects begin.
	Prefix string `json:"prefix,omitzero"`
	// Limit is how many objects are looked at: 10,000 unless told, 100,000 at most.
	Limit int `json:"limit,omitzero"`
	// Next is the cursor of an earlier answer: goes on where that one ended.
	Next string `json:"next,omitzero"`
}

// Parse reads a request. Members that it does not know are none of its business;
// those of another type than it wants are a fault of class Reject.
func Parse[T Request | QuarantineRequest](payload []byte) (T, error) {
	var req T
	if err := json.Unmarshal(payload, &req); err != nil {
		return req, unusable("it is not understood", err)
	}
	return req, nil
}

func unusable(what string, cause error) error {
	return &fault.Error{Class: fault.Reject, Where: "payload", What: "cannot be used: " + what, Err: cause,
		Cure: `send {"action":"status"} or {"action":"quarantine"}, with any of "since", "until" (times in RFC 3339 or dates), "system", "prefix", "limit" and "next" (the cursor of an earlier answer); ` +
			`{"action":"quarantine","key":"raw/…","index":7} shows one refused event`}
}

// scope is a request made definite, and where it goes on. It is what a cursor holds.
type scope struct {
	Asked Request   `json:"asked"` // what a repeated request may say, too
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// After is the place that was looked at last; empty: none was.
	After string `json:"after"`
}

// scope settles the window, or takes up the one that a cursor brings along.
func (r Request) scope(now time.Time) (scope, error) {
	asked := r
	asked.Limit, asked.Next = 0, ""
	switch {
	case r.Limit < 0 || r.Limit > mostLimit:
		return scope{}, unusable(fmt.Sprintf("limit is %d, not 1 to %d", r.Limit, mostLimit), nil)
	case r.Next != "":
		return goOn(r.Next, asked)
	}
	return begin(asked, now.UTC())
}

func begin(asked Request, now time.Time) (scope, error) {
	s := scope{Asked: asked, Until: now}
	since, until, err := archive.ParsePeriod(asked.Since, asked.Until)
	if err != nil {
		return s, unusable(err.Error(), nil)
	}
	if !until.IsZero() && until.Before(now) {
		s.Until = until
	}
	switch {
	case asked.Since != "":
		s.Since = since
	case asked.Prefix == "":
		s.Since = s.Until.Add(-usualWindow)
	}
	if !s.Since.Before(s.Until) {
		return s, unusable(fmt.Sprintf("since, %s, is not before until, %s", stamp(s.Since), stamp(s.Until)), nil)
	}
	return s, nil
}

func goOn(cursor string, asked Request) (scope, error) {
	var s scope
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &s, json.RejectUnknownMembers(true))
	}
	switch {
	case err != nil || s.After != "" && !strings.HasPrefix(s.After, archive.RawPrefix) || !s.Since.Before(s.Until):
		return s, unusable("next is no cursor of an earlier answer", nil)
	case asked != (Request{}) && asked != s.Asked:
		return s, unusable("next belongs to a request with other members", nil)
	}
	return s, nil
}

// cursor packs a scope for a later request.
func (s scope) cursor() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("pack the cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
