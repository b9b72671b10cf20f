package status

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
)

const (
	// usualWindow is the length of the window if the request names none.
	usualWindow = 7 * 24 * time.Hour
	// usualLimit and mostLimit bound the objects that one call looks at.
	usualLimit = 10_000
	mostLimit  = 100_000
)

// scope is a request with its window as times, and the place where the walk goes on. A
// cursor holds a scope.
type scope struct {
	// Asked is the request without limit and next. A request with a cursor may repeat it.
	Asked payload.StatusRequest `json:"asked"`
	Since time.Time             `json:"since"`
	Until time.Time             `json:"until"`
	// After is the last key that was looked at; empty: none was.
	After string `json:"after"`
}

// scopeOf returns the scope of a request: a new one, or that of its cursor. A request
// that cannot be followed is a fault of class reject.
func scopeOf(r payload.StatusRequest, now time.Time) (scope, error) {
	asked := r
	asked.Limit, asked.Next = 0, ""
	switch {
	case r.Limit < 0 || r.Limit > mostLimit:
		return scope{}, payload.BadInspection(fmt.Sprintf("limit is %d, not 1 to %d", r.Limit, mostLimit))
	case r.Prefix != "" && !strings.HasPrefix(r.Prefix, archive.RawPrefix):
		return scope{}, payload.BadInspection(fmt.Sprintf("prefix %q does not begin with %s, as all raw objects do", r.Prefix, archive.RawPrefix))
	case r.Next != "":
		return goOn(r.Next, asked)
	}
	return begin(asked, now.UTC())
}

// begin returns a new scope. The window never ends in the future; without since it is of
// the usual length, or, with a prefix, has no beginning.
func begin(asked payload.StatusRequest, now time.Time) (scope, error) {
	s := scope{Asked: asked, Until: now}
	since, until, err := archive.ParsePeriod(asked.Since, asked.Until)
	if err != nil {
		return s, payload.BadInspection(err.Error())
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
		return s, payload.BadInspection(fmt.Sprintf("since, %s, is not before until, %s", payload.Stamp(s.Since), payload.Stamp(s.Until)))
	}
	return s, nil
}

// goOn returns the scope in a cursor. The other members of the request must be absent or
// the same as in the request that began it.
func goOn(cursor string, asked payload.StatusRequest) (scope, error) {
	var s scope
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &s, json.RejectUnknownMembers(true))
	}
	switch {
	case err != nil || s.After != "" && !strings.HasPrefix(s.After, archive.RawPrefix) || !s.Since.Before(s.Until):
		return s, payload.BadInspection("next is no cursor of an earlier answer")
	case asked != (payload.StatusRequest{}) && asked != s.Asked:
		return s, payload.BadInspection("next belongs to a request with other members")
	}
	return s, nil
}

// cursor returns the text of a scope for a later request: JSON in base64.
func (s scope) cursor() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("pack the cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}
