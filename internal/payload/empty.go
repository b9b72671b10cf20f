package payload

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// allowed says that a member may be empty: the request then is as without it, and
// does what is documented for that. A script that follows cursors begins with none.
var allowed = map[string]bool{"action": true, "mode": true, "scheduledTime": true, "next": true}

// saysNothing returns an error about the first member, by name, that is there and
// has no value: null, an empty text or list, a list with such an element, or zero
// where a number is a bound. A template or a script whose variable was not set
// leaves it so; read as if it were not there, the request would do more than was
// meant: send every system's scans instead of one's, or send instead of count.
func saysNothing(text []byte, bounds ...string) error {
	var members map[string]jsontext.Value
	_ = json.Unmarshal(text, &members) // an empty payload has none; others were read before
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if allowed[name] {
			continue
		}
		what := emptiness(members[name])
		if n, err := strconv.ParseFloat(string(members[name]), 64); err == nil && n == 0 && slices.Contains(bounds, name) {
			what = "is 0"
		}
		if what != "" {
			return reject(fmt.Sprintf("cannot be used, %s %s", name, what),
				fmt.Sprintf("give it a value; to have done what is done without it, leave %s out", name))
		}
	}
	return nil
}

// emptiness says how a value is empty; "": it is not.
func emptiness(v jsontext.Value) string {
	switch v.Kind() {
	case 'n':
		return "is null"
	case '"':
		said, _ := jsontext.AppendUnquote(nil, v)
		if strings.TrimSpace(string(said)) == "" {
			return "is an empty text"
		}
	case '[':
		var elements []jsontext.Value
		if json.Unmarshal(v, &elements) == nil {
			if len(elements) == 0 {
				return "is an empty list"
			}
			for _, element := range elements {
				if what := emptiness(element); what != "" {
					return "has an element that " + what
				}
			}
		}
	}
	return ""
}
