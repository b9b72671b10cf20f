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

// mayBeEmpty reports whether a member may have no value: the request then means the same
// as without the member. A script that follows cursors begins with an empty one.
func mayBeEmpty(member string) bool {
	return slices.Contains([]string{"action", "mode", "scheduledTime", "next"}, member)
}

// checkValues refuses the first member, by name, that has no value: null, an empty text
// or list, a list with such an element, or zero for one of the members in bounds. A
// template or a script leaves such a value where its variable was not set. Read as if it
// were not there, the request would do more than was meant: send the scans of every
// system instead of one, or send instead of count.
func checkValues(text []byte, bounds ...string) error {
	var members map[string]jsontext.Value
	_ = json.Unmarshal(text, &members) // the decoder of the request has met an error before
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if mayBeEmpty(name) {
			continue
		}
		what := emptiness(members[name])
		if n, err := strconv.ParseFloat(string(members[name]), 64); err == nil && n == 0 && slices.Contains(bounds, name) {
			what = "is 0"
		}
		if what != "" {
			return reject(fmt.Sprintf("cannot be used, %s %s", name, what),
				fmt.Sprintf("give it a value, or leave %s out, which means the default", name))
		}
	}
	return nil
}

// emptiness returns in which way a value is empty; "" if it is not.
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
