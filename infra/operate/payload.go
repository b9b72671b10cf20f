package main

import "runecast-ingest/internal/payload"

// paged is a payload whose answer may end with a cursor.
type paged interface {
	// from returns the same payload, going on by a cursor.
	from(cursor string) paged
}

// inspection asks the forwarder how deliveries stand, or what was refused.
type inspection struct {
	Action string `json:"action"`
	payload.QuarantineRequest
}

func (p inspection) from(cursor string) paged {
	p.Next = cursor
	return p
}

// replay sends archived scans again.
type replay struct{ payload.ReplayRequest }

func (p replay) from(cursor string) paged {
	p.Next = cursor
	return p
}
