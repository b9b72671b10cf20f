package forward

import (
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
)

// A queue brings S3 events. The error about an action that comes by way of a queue names
// the action, and how it is followed.
func TestActionByWayOfAQueue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, action string }{
		"an action":                  {`{"action":"sweep"}`, "sweep"},
		"the record of a failed one": {`{"requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"action":"replay","prefix":"raw/"}}`, "replay"},
		"neither event nor action":   {`{"a":1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := new(Forwarder).objects([]byte(c.body))
			if fault.ClassOf(err) != fault.Reject {
				t.Fatalf("class %s: %v", fault.ClassOf(err), err)
			}
			named := strings.Contains(err.Error(), `action "`+c.action+`"`) && strings.Contains(err.Error(), "redrive")
			if named != (c.action != "") {
				t.Error(err)
			}
		})
	}
}
