package payload_test

import (
	"strings"
	"testing"

	"runecast-ingest/internal/payload"
)

// Whoever sent a payload that cannot be read learns which member is wrong and how, and
// nothing of this program's types.
func TestWrongPayloadsAreNamed(t *testing.T) {
	t.Parallel()
	run, replay, status := only(payload.ParseRun), only(payload.ParseReplay), only(payload.ParseStatus)
	sweep, verify, check, quarantine := only(payload.ParseSweep), only(payload.ParseVerify), only(payload.ParseCheck), only(payload.ParseQuarantine)
	for name, c := range map[string]struct {
		text  string
		parse func([]byte) error
		says  string
	}{
		"a list":               {`[]`, run, "the payload is a list, and not a JSON object"},
		"a text":               {`"latest"`, run, "the payload is a text, and not a JSON object"},
		"cut":                  {`{"action":"start"`, run, "not valid JSON at byte 17"},
		"a member in capitals": {`{"Action":"cancel"}`, run, `the member "Action" is not known`},
		"a member twice":       {`{"mode":"latest","mode":"analyze"}`, run, `the member "mode" is there twice`},
		"a text for a list":    {`{"systems":"vc1"}`, run, `"systems" is a text, and not a list`},
		"a number for a name":  {`{"systems":["a",5]}`, run, `"systems/1" is a number, and not a text`},
		"a text for a switch":  {`{"action":"replay","prefix":"raw/","dryRun":"true"}`, replay, `"dryRun" is a text, and not true or false`},
		"a text for a limit":   {`{"action":"replay","prefix":"raw/","limit":"3"}`, replay, `"limit" is a text, and not a whole number`},
		"half a limit":         {`{"action":"replay","prefix":"raw/","limit":1.5}`, replay, `"limit" is 1.5, and not a whole number`},
		"an endless limit":     {`{"action":"replay","prefix":"raw/","limit":99999999999999999999}`, replay, `"limit" is 99999999999999999999, which is out of range`},
		"an endless pace":      {`{"action":"replay","prefix":"raw/","maxEventsPerSecond":1e400}`, replay, `"maxEventsPerSecond" is 1e400, which is out of range`},
		"a member of another":  {`{"action":"sweep","dryRun":true}`, sweep, `the member "dryRun" is not known`},
		"an object for a key":  {`{"action":"verify","key":{}}`, verify, `"key" is a JSON object, and not a text`},
		"a number as a switch": {`{"action":"check","sendTestEvent":1}`, check, `"sendTestEvent" is a number, and not true or false`},
		"a list of days":       {`{"action":"status","since":["2026-11-01"]}`, status, `"since" is a list, and not a text`},
		"a month that is none": {`{"action":"replay","since":"2026-13-01"}`, replay, `since is neither a time in RFC 3339 nor a date, but "2026-13-01": write it as`},
		"a day that is none":   {`{"action":"replay","until":"2026-02-29"}`, replay, `until is neither a time in RFC 3339 nor a date, but "2026-02-29": write it as`},
		"a time without zone":  {`{"action":"replay","since":"2026-03-01T00:00:00"}`, replay, `write it as 2026-03-01T04:00:00Z, with its zone`},
		"a text as an index":   {`{"action":"quarantine","key":"raw/x","index":"7"}`, quarantine, `"index" is a text, and not a whole number`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "json: ") || strings.Contains(err.Error(), "payload.R") {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}
