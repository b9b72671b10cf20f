package appliance

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func (s *saved) indexIssues() error {
	found := false
	err := s.issues.index(func(d *jsontext.Decoder, name string) error {
		if name != "issues" {
			return d.SkipValue()
		}
		found = true
		return eachValue(d, func() error {
			entry, err := readSpan(d, func(name string) (string, error) {
				if name != "type" {
					return "", d.SkipValue()
				}
				return readText(d)
			})
			s.entries = append(s.entries, entry)
			return err
		})
	})
	if err == nil && !found {
		return s.issues.unusable(errors.New("no member issues"))
	}
	return err
}

func (s *saved) readVCenters() error {
	var document struct {
		VCenters *[]struct {
			UID     string  `json:"uid"`
			Address *string `json:"address"`
		} `json:"vcenters"`
	}
	err := s.list.read(func(r io.Reader) error { return json.UnmarshalRead(r, &document, lenient) })
	if err != nil {
		return s.list.unusable(err)
	}
	if document.VCenters == nil {
		return s.list.unusable(errors.New("no member vcenters"))
	}
	for _, v := range *document.VCenters {
		known := vcenter{UID: v.UID}
		if v.Address != nil {
			known.Address = *v.Address
		}
		s.vcenters = append(s.vcenters, known)
	}
	return nil
}

// deriveVCenters takes every system whose issues are about vSphere for a vCenter. Its
// uid stands in for the address, which is not known.
func (s *saved) deriveVCenters() {
	for _, e := range s.elements {
		if e.systemType() == vsphere.systemType {
			s.vcenters = append(s.vcenters, vcenter{UID: e.uid, Address: e.uid})
		}
	}
}

func (s *saved) nameSystems() {
	for _, e := range s.elements {
		e.system = System{ID: e.uid, Name: e.name(), Type: e.systemType()}
		for _, v := range s.vcenters {
			if v.UID == e.uid {
				e.system.Type = vsphere.systemType
				e.system.Name = cmp.Or(v.Address, e.system.Name)
			}
		}
	}
}

func (s *saved) systems() []System {
	list := make([]System, 0, len(s.elements))
	for _, e := range s.elements {
		list = append(list, e.system)
	}
	return list
}

// scannable returns the uids of all systems with results, and of all vCenters, which
// may have none yet. A uid may be there twice.
func (s *saved) scannable() []string {
	var list []string
	for _, e := range s.elements {
		list = append(list, e.uid)
	}
	for _, v := range s.vcenters {
		list = append(list, v.UID)
	}
	return list
}

// licensed returns no host: the saved documents do not tell which are licensed.
func (s *saved) licensed() []licensedHost { return []licensedHost{} }

func (s *saved) writeVCenters(w io.Writer, _ map[string]analysis) error {
	if s.list.path != "" {
		return s.list.copy(w, nil)
	}
	return json.MarshalWrite(w, vcenters{VCenters: s.vcenters})
}

func (s *saved) writeIssues(w io.Writer, profile string) error {
	if s.issues.path == "" {
		return json.MarshalWrite(w, catalogue{})
	}
	if profile == "" {
		return s.issues.copy(w, nil)
	}
	return s.issues.copy(w, without(s.entries, func(label string) bool { return label == profile }))
}

func (s *saved) writeResults(w io.Writer, analyses map[string]analysis, detectedOnly bool) error {
	var edits []edit
	for _, e := range s.elements {
		if ended := analyses[e.uid].ended; e.timestamp.to > 0 && !ended.IsZero() {
			edits = append(edits, e.stamped(ended))
		}
		if detectedOnly {
			edits = append(edits, without(e.issues, detected)...)
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	return s.results.copy(w, edits)
}

// stamped returns the edit that sets the element's timestamp, in the form that the
// element has.
func (e *element) stamped(ended time.Time) edit {
	moved := e.timestamp
	if moved.text = strconv.Quote(ended.Format(timeLayout)); e.numeric {
		moved.text = strconv.FormatInt(ended.UnixMilli(), 10)
	}
	return moved
}

// without returns the edits that remove the list elements that are not kept, each
// with one comma.
func without(list []span, keep func(label string) bool) []edit {
	var edits []edit
	kept := false // an element before this one
	for i, item := range list {
		switch {
		case keep(item.label):
			kept = true
		case kept:
			edits = append(edits, edit{from: list[i-1].to, to: item.to})
		case i+1 < len(list):
			edits = append(edits, edit{from: item.from, to: list[i+1].from})
		default:
			edits = append(edits, edit{from: item.from, to: item.to})
		}
	}
	return edits
}
