package mapping

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// SecurityContext is the setting SECURITY_CONTEXT: the value of dt.security_context
// on all events of a system, with which a policy can let a team read only its own
// rows. There is one value for all systems, or one for each name, id or type of a
// system. The zero value is none.
type SecurityContext struct {
	// All is the value for every system that Of does not name.
	All string
	// Of has values by the name, id or type of systems; a name counts before an id,
	// an id before a type.
	Of map[string]string
}

// maxSecurityContext bounds a value, in bytes: a longer one is of no use in a policy.
const maxSecurityContext = 256

// ParseSecurityContext reads a value, or a JSON object of values by name, id or type
// of a system. A value of more than 256 bytes is an error.
func ParseSecurityContext(text string) (SecurityContext, error) {
	c := SecurityContext{All: text}
	if strings.IndexAny(text, "\"'[") == 0 {
		return SecurityContext{}, errors.New("it begins with a quote or a bracket, which every event would carry")
	}
	if len(text) > 0 && text[0] == '{' {
		c.All = ""
		if err := json.Unmarshal([]byte(text), &c.Of); err != nil {
			return SecurityContext{}, errors.New("it begins as a JSON object, but is none of texts by system")
		}
	}
	for _, value := range append(slices.Collect(maps.Values(c.Of)), c.All) {
		if len(value) > maxSecurityContext {
			return SecurityContext{}, errors.New("a value has more than 256 bytes")
		}
	}
	return c, nil
}

// For returns the value for a system; empty: there is none.
func (c *SecurityContext) For(s archive.System) string {
	for _, word := range []string{s.Name, s.ID, s.Type} {
		if value, ok := c.Of[word]; ok && word != "" {
			return value
		}
	}
	return c.All
}
