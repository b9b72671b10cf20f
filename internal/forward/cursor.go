package forward

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cursor says where a replay goes on that one call did not end. Its text is
// "<id> <position>", or "<id>@<milliseconds since 1970> <position>" at a pace.
type cursor struct {
	// id is that of the replay's first call, by which what it has sent is known
	// in all later ones.
	id string
	// pacedUntil is when the next events may go out; zero: at once. So the call
	// that goes on keeps the pace of those before, also where it begins with
	// another object.
	pacedUntil time.Time
	// position is the part of the choice behind which the replay goes on; empty:
	// it begins with the first.
	position string
}

// parseCursor reads what a person passes on. Of one that no replay has written it
// takes what it can: its position, if it has one, and a time only if that is one.
func parseCursor(text string) cursor {
	before, position, _ := strings.Cut(text, " ")
	id, milliseconds, _ := strings.Cut(before, "@")
	c := cursor{id: id, position: position}
	if at, err := strconv.ParseInt(milliseconds, 10, 64); err == nil {
		c.pacedUntil = time.UnixMilli(at)
	}
	return c
}

// String returns the text of a cursor.
func (c *cursor) String() string {
	if c.pacedUntil.IsZero() {
		return c.id + " " + c.position
	}
	return fmt.Sprintf("%s@%d %s", c.id, c.pacedUntil.UnixMilli(), c.position)
}
