package settings

import (
	"maps"
	"slices"
)

// Difference is a parameter whose values in the file and in a deployed stack differ.
type Difference struct {
	Parameter string `json:"parameter"`
	// File is what the next deployment sets.
	File string `json:"file"`
	// Stack is what the stack has now; empty also if it does not know the parameter yet.
	Stack string `json:"stack"`
	// Note says, for people, that the default holds, or that the parameter is new or
	// gone; empty otherwise.
	Note string `json:"note,omitzero"`
}

// Differences returns where the file's values and those of a stack differ, which is
// what the next deployment changes: in the order of the template, then parameters
// that the template does not have, sorted.
func (t Template) Differences(file, stack Values) []Difference {
	var all []Difference
	for _, p := range t {
		value, chosen := file[p.Name]
		d := Difference{Parameter: p.Name, File: value, Stack: stack[p.Name]}
		if !chosen {
			d.File, d.Note = p.Default, "the file has no line, so the default holds"
		}
		_, known := stack[p.Name]
		switch {
		case known && d.File == d.Stack:
			continue
		case !known && !chosen:
			continue // new, and by default
		case !known:
			d.Note = "new"
		}
		all = append(all, d)
	}
	for _, name := range slices.Sorted(maps.Keys(stack)) {
		if _, err := t.find(name); err != nil {
			all = append(all, Difference{Parameter: name, Stack: stack[name], Note: "this version has no such parameter"})
		}
	}
	return all
}
