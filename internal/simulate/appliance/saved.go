package appliance

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// saved serves documents that were saved from a real appliance. It changes only the
// timestamps of systems whose scan has ended since the start; all other bytes stay.
// In memory it keeps only where the issues and timestamps are.
type saved struct {
	results  file
	elements []*element
	issues   file   // no path: the catalogue is empty
	entries  []span // of the catalogue
	vcenters []vcenter
	list     file // of vCenters; no path: derived from the results
}

// element is one system of the results document.
type element struct {
	clues
	system    System
	timestamp edit // the place of the timestamp; empty if the element has none
	numeric   bool // the timestamp is epoch milliseconds
	issues    []span
}

// span is where one issue is in its document.
type span struct {
	from, to int64
	label    string // results: its status; catalogue: its profile code
}

// openSaved reads the documents once, to find their systems, issues and timestamps.
// Errors are *fault.Error of class Config.
func openSaved(o Options) (*saved, error) {
	if o.ResultsFile == "" {
		return nil, &fault.Error{Class: fault.Config, Where: "appliance options", What: "saved documents without a results document", Cure: "name the saved body of GET /rc2/api/v1/results as well"}
	}
	s := &saved{
		results: file{o.ResultsFile, "results"},
		issues:  file{o.IssuesFile, "issues"},
		list:    file{o.VCentersFile, "vcenters"},
	}
	if err := s.indexResults(); err != nil {
		return nil, err
	}
	if s.issues.path != "" {
		if err := s.indexIssues(); err != nil {
			return nil, err
		}
	}
	if s.list.path != "" {
		if err := s.readVCenters(); err != nil {
			return nil, err
		}
	} else {
		s.deriveVCenters()
	}
	s.nameSystems()
	return s, nil
}

func (s *saved) indexResults() error {
	found := false
	err := s.results.index(func(d *jsontext.Decoder, name string) error {
		if name != "results" {
			return d.SkipValue()
		}
		found = true
		return eachValue(d, func() error {
			e, err := readElement(d)
			if err == nil && e.uid == "" {
				err = fmt.Errorf("%s has no uid", d.StackPointer())
			}
			s.elements = append(s.elements, e)
			return err
		})
	})
	if err == nil && !found {
		return s.results.unusable(errors.New("no member results"))
	}
	return err
}

func readElement(d *jsontext.Decoder) (*element, error) {
	e := &element{clues: clues{names: map[string]string{}}}
	return e, eachMember(d, func(name string) error {
		var err error
		switch {
		case name == "uid":
			e.uid, err = readText(d)
		case name == "scanStatus":
			err = orSkip(d, '{', func() error { return e.readStatus(d) })
		case name == "issues":
			err = orSkip(d, '[', func() error { return eachValue(d, func() error { return e.readIssue(d) }) })
		case slices.Contains(nameMembers, name):
			e.names[name], err = readText(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
}

func (e *element) readStatus(d *jsontext.Decoder) error {
	return eachMember(d, func(name string) error {
		if kind := d.PeekKind(); name != "timestamp" || kind != '"' && kind != '0' {
			return d.SkipValue()
		}
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		e.numeric = value.Kind() == '0'
		e.timestamp = edit{from: d.InputOffset() - int64(len(value)), to: d.InputOffset()}
		return nil
	})
}

// readIssue walks an issue without keeping it: one may have a million objects.
func (e *element) readIssue(d *jsontext.Decoder) error {
	issue, err := readSpan(d, func(name string) (string, error) {
		switch name {
		case "status":
			return readText(d)
		case "products":
			return "", orSkip(d, '[', func() error { return eachText(d, "name", e.addProduct) })
		case "affectedObjects":
			return "", orSkip(d, '[', func() error { return eachText(d, "moid", e.addObject) })
		default:
			return "", d.SkipValue()
		}
	})
	e.issues = append(e.issues, issue)
	return err
}

// readSpan reads a value of a list, and returns its place. If the value is an
// object, it calls read for each member: read reads the member's value, and returns
// the label if the member holds it, else "".
func readSpan(d *jsontext.Decoder, read func(name string) (string, error)) (span, error) {
	if d.PeekKind() != '{' {
		value, err := d.ReadValue()
		return span{from: d.InputOffset() - int64(len(value)), to: d.InputOffset()}, err
	}
	if _, err := d.ReadToken(); err != nil {
		return span{}, err
	}
	s := span{from: d.InputOffset() - 1}
	err := members(d, func(name string) error {
		label, err := read(name)
		s.label = cmp.Or(label, s.label)
		return err
	})
	s.to = d.InputOffset()
	return s, err
}

// eachText calls visit with one text member of each object of a list; with "" if
// that member is no text.
func eachText(d *jsontext.Decoder, member string, visit func(string)) error {
	return eachValue(d, func() error {
		return orSkip(d, '{', func() error {
			return eachMember(d, func(name string) error {
				if name != member {
					return d.SkipValue()
				}
				text, err := readText(d)
				visit(text)
				return err
			})
		})
	})
}
