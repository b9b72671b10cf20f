package main

import (
	"context"
	"errors"

	"runecast-ingest/internal/fault"
)

// pages asks the forwarder, and again with the cursor of each answer until one
// has none. A failed scan does not keep the others from being asked for.
func (s *session) pages(ctx context.Context, p paged) error {
	var failed error
	cursor := ""
	for {
		a, err := s.ask(ctx, forwarder, p)
		if err != nil {
			return errors.Join(failed, err)
		}
		if _, sends := p.(replay); sends {
			failed = errors.Join(failed, a.wellDone())
		}
		f := a.figures()
		switch {
		case f.Cursor == "":
			return failed
		case f.Cursor == cursor && f.Accepted == 0:
			return errors.Join(failed, &fault.Error{Class: fault.Retry, Where: s.function(forwarder), What: "two invocations came no further",
				Cure: "follow the reasons above, then call again: what is done is not sent twice"})
		}
		cursor = f.Cursor
		p = p.from(cursor)
		s.title("goes on")
	}
}
