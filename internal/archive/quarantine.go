package archive

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// QuarantineSchema is the schema of a refused event's document. The document is
// written once per generation and never changed, so it is no state document.
const QuarantineSchema = "runecast-quarantine/1"

// RefusedEvent is quarantine/…/g<generation>/<index>.json: an event that
// Dynatrace refused.
type RefusedEvent struct {
	Schema string `json:"schema"`
	// Index is the event's position in mapping order.
	Index int64 `json:"index"`
	// Answer is what Dynatrace said about the event.
	Answer string `json:"answer"`
	// Event is the event as it was sent first.
	Event jsontext.Value `json:"event"`
}

// Encode returns the document as it is stored.
func (e RefusedEvent) Encode() ([]byte, error) {
	e.Schema = QuarantineSchema
	return json.Marshal(e, jsontext.AllowInvalidUTF8(true))
}

// DecodeRefusedEvent reads the document of a refused event. Members that are not
// known are ignored. The event is returned as it is stored and not looked into.
func DecodeRefusedEvent(text []byte) (RefusedEvent, error) {
	var e RefusedEvent
	if err := json.Unmarshal(text, &e, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return e, fmt.Errorf("read refused event: %w", err)
	}
	if len(e.Event) == 0 {
		return e, errors.New("read refused event: it has no event")
	}
	return e, nil
}

// Generation is one generation of the delivery of a scan.
type Generation struct {
	RawKey string
	// System is the hash of the system's id in a document of several systems,
	// whose event indexes each begin at 0; empty in one of a single system.
	System string
	Number int
}

// Generations returns the current generation of each scan of the delivery.
func (d *Delivery) Generations() []Generation {
	if len(d.Scans) == 0 {
		return []Generation{{RawKey: d.RawKey, Number: d.Generation}}
	}
	var all []Generation
	for i := range d.Scans {
		s := &d.Scans[i]
		all = append(all, Generation{RawKey: d.RawKey, System: s.System.Label().Hash, Number: s.Generation})
	}
	return all
}

// Quarantine returns the prefix of the generation's refused events.
func (g Generation) Quarantine() string {
	folder := QuarantinePrefix + g.RawKey + "/"
	if g.System != "" {
		folder += g.System + "/"
	}
	return fmt.Sprintf("%sg%d/", folder, g.Number)
}

// QuarantineKey returns where a refused event lies.
func (g Generation) QuarantineKey(index int64) string {
	return fmt.Sprintf("%s%d.json", g.Quarantine(), index)
}

// RefusedIndex returns the event index in a key that QuarantineKey made; false
// if the key has none.
func RefusedIndex(key string) (int64, bool) {
	index, err := strconv.ParseInt(strings.TrimSuffix(path.Base(key), ".json"), 10, 64)
	return index, err == nil
}
