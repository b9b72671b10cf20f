package main

// The payloads, as the files of events/ show them. What is empty is left out,
// and the function's own default holds.

// action is a payload that needs nothing more.
type action struct {
	Action string `json:"action"`
}

// start begins a run of the collector.
type start struct {
	Action  string   `json:"action"`
	Mode    string   `json:"mode,omitzero"`
	Systems []string `json:"systems,omitempty"`
	Force   bool     `json:"force,omitzero"`
}

// look asks the forwarder how deliveries of a window stand.
type look struct {
	Action string `json:"action"`
	System string `json:"system,omitzero"`
	Since  string `json:"since,omitzero"`
	Until  string `json:"until,omitzero"`
	Next   string `json:"next,omitzero"`
}

// refusals asks for the refused events of one object, or which objects have any.
type refusals struct {
	Action string `json:"action"`
	Key    string `json:"key,omitzero"`
	Index  *int64 `json:"index,omitzero"`
	Next   string `json:"next,omitzero"`
}

// replay sends archived scans again.
type replay struct {
	Action  string  `json:"action"`
	Key     string  `json:"key,omitzero"`
	Prefix  string  `json:"prefix,omitzero"`
	Run     string  `json:"run,omitzero"`
	System  string  `json:"system,omitzero"`
	Since   string  `json:"since,omitzero"`
	Until   string  `json:"until,omitzero"`
	State   string  `json:"state,omitzero"`
	Limit   int     `json:"limit,omitzero"`
	Rate    float64 `json:"maxEventsPerSecond,omitzero"`
	DryRun  bool    `json:"dryRun,omitzero"`
	Price   float64 `json:"pricePerGiB,omitzero"`
	Force   bool    `json:"force,omitzero"`
	Further string  `json:"next,omitzero"`
}

// paged is a payload whose answer may end with a cursor.
type paged interface {
	// from is the same payload, going on by a cursor.
	from(cursor string) paged
}

func (p look) from(cursor string) paged {
	p.Next = cursor
	return p
}

func (p refusals) from(cursor string) paged {
	p.Next = cursor
	return p
}

func (p replay) from(cursor string) paged {
	p.Further = cursor
	return p
}
