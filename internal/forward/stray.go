package forward

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
)

// actionMembers names the members of the forwarder's actions. Beside an event they have no
// meaning: whoever sends one wants less or something else than a delivery, so the payload
// is refused. No event of AWS has a member of these names at its top level.
var actionMembers = map[string]bool{
	"action": true, "dryRun": true, "force": true, "key": true, "prefix": true, "run": true, "system": true, "since": true, "until": true, "state": true,
	"limit": true, "maxEventsPerSecond": true, "pricePerGiB": true, "next": true, "index": true, "sendTestEvent": true,
}

// stray returns a fault of class reject if an event has a member of an action.
func stray(event jsontext.Value) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(event, &members); err != nil {
		return unknownPayload(payload.Explain(err))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if actionMembers[name] {
			return &fault.Error{Class: fault.Reject, Where: "payload",
				What: fmt.Sprintf("cannot be used: %q has no meaning beside an event, which delivers the objects that it names", name),
				Cure: fmt.Sprintf(`leave %q out, or send an action without an event, as {"action":"replay","key":"raw/…","dryRun":true}`, name)}
		}
	}
	return nil
}
