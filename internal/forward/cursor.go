package forward

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cursor says where the next call of a replay goes on. Its text is "<id> <position>",
// or, at a pace, "<id>@<milliseconds since 1970> <position>".
type cursor struct {
	// id is the id of the replay's first call. The delivery documents hold it, so that
	// later calls do not send again what an earlier one has sent.
	id string
	// pacedUntil is when the next events may go out; zero: at once. It makes the next
	// call keep the pace of this one, also if it begins with another object.
	pacedUntil time.Time
	// position is the last part of the choice that is done, a hash of a system or a
	// key: the replay goes on with the part that sorts after it. Empty: it begins with
	// the first part.
	position string
}

// parseCursor reads a cursor's text, which a person passes on. Members that the text
// does not have, or a time that is no number, stay zero.
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
