package runecast

import (
	"bytes"
	"io"

	"runecast-ingest/internal/fault"
)

const (
	// maxHead bounds the bytes of an element that are held until its uid is read.
	maxHead = 1 << 20
	// maxEntry bounds one entry of a catalogue that Join writes, in bytes.
	maxEntry = 1 << 20
)

// ReadV1 reads a v1 results document and calls visit for every element of
// results[] that has a uid, in order. visit may copy the element with WriteTo; an
// element that it does not copy is passed over. An error of visit ends the reading
// and is returned. profile is called with the profile code of each issue; may be nil.
//
// In memory are only one token and, until an element's uid is read, at most 1 MiB
// of the element. A document that is cut, malformed, followed by anything, or no
// results document at all, is an error, as are a single text over 16 MiB and an
// element whose uid stands behind its first 1 MiB.
func ReadV1(r io.Reader, profile func(code string), visit func(*Element) error) error {
	doc := newResults(r, chunkSize)
	doc.profile = profile
	return doc.v1(visit)
}

// ReadSavedV1 is ReadV1 for a document that a person saved, whose members a program may
// have sorted: the uid of an element may stand anywhere in it. The elements cannot be
// copied with WriteTo.
func ReadSavedV1(r io.Reader, visit func(*Element) error) error {
	doc := newResults(r, chunkSize)
	doc.saved = true
	return doc.v1(visit)
}

func (r *results) v1(visit func(*Element) error) error {
	found := false
	err := r.Members(func(name []byte) error {
		if string(name) != "results" {
			return r.Skip()
		}
		found = true
		index := -1
		return r.Elements(func() error { index++; return r.element(index, visit) })
	})
	if err == nil && found {
		err = r.End()
	}
	if err == nil && !found {
		err = &fault.Error{Class: fault.Reject, What: "the answer is JSON but has no results", Cure: otherService}
	}
	return r.explain(err)
}

// element reads one element of results[]: up to its uid, then the visit, then the
// rest.
func (r *results) element(index int, visit func(*Element) error) error {
	if r.PeekKind() != '{' {
		return r.Skip()
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	e := &Element{Index: index, r: r, taken: r.saved}
	e.step = e.v1
	if !r.saved { // the bytes are copied
		r.begin(r.InputOffset()-1, &limited{buf: &e.head, most: maxHead, what: "what comes before the uid of an element of results[]"})
	}
	defer e.release()
	for e.ID == "" && !e.ended {
		if err := e.step(); err != nil {
			return err
		}
	}
	if r.flush(); r.sinkErr != nil {
		return r.sinkErr
	}
	r.redirect(nil)
	if e.ID != "" {
		if err := r.visit(e, visit); err != nil {
			return err
		}
	}
	return e.finish()
}

// v1 reads one member of an element, or its end.
func (e *Element) v1() error {
	r := e.r
	if r.PeekKind() == '}' {
		if _, err := r.ReadToken(); err != nil {
			return err
		}
		r.end()
		e.ended = true
		return nil
	}
	name, err := r.ReadName()
	if err != nil {
		return err
	}
	switch string(name) {
	case "uid":
		return e.text(&e.ID)
	case "name", "viewName", "displayName", "address":
		return e.text(&e.Name)
	case "scanStatus":
		return e.scanStatus()
	case "issues":
		return r.Elements(e.issue)
	}
	return r.Skip()
}

func (e *Element) scanStatus() error {
	return e.r.Members(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			e.Scan.Status, err = e.r.Text()
		case "timestamp":
			err = e.timestamp()
		default:
			err = e.r.Skip()
		}
		return err
	})
}

// VCenter is an entry of v1's list of vCenters.
type VCenter struct {
	UID string
	// Address is the vCenter's name in the network; empty if the appliance names none.
	Address string
}

// DecodeVCenters reads v1's list of vCenters, of at most 8 MiB. A document without
// a list has no vCenters; one that is cut or not JSON is an error.
func DecodeVCenters(r io.Reader) ([]VCenter, error) {
	var doc struct {
		VCenters []struct {
			UID     text  `json:"uid"`
			Address loose `json:"address"`
		} `json:"vcenters"`
	}
	err := small(r, &doc)
	var list []VCenter
	for _, v := range doc.VCenters {
		list = append(list, VCenter{string(v.UID), string(v.Address)})
	}
	return list, err
}

// Join writes one catalogue, {"issues":[…]}, from the entries of several.
type Join struct {
	dst  io.Writer
	open bool  // the catalogue's beginning is written
	err  error // of dst
}

// NewJoin makes a Join that writes to dst.
func NewJoin(dst io.Writer) *Join { return &Join{dst: dst} }

// Err returns the first error of the destination.
func (j *Join) Err() error { return j.err }

// Add copies the entries of one catalogue. An entry is written only after it was
// read whole, so that the entries before the end of a cut catalogue stay. An entry
// over 1 MiB is an error.
func (j *Join) Add(body io.Reader) error {
	s := newStream(body, chunkSize)
	var entry bytes.Buffer
	err := s.Members(func(name []byte) error {
		if string(name) != "issues" {
			return s.Skip()
		}
		return s.Elements(func() error {
			if s.PeekKind() != '{' {
				return s.Skip()
			}
			if _, err := s.ReadToken(); err != nil {
				return err
			}
			entry.Reset()
			s.begin(s.InputOffset()-1, &limited{buf: &entry, most: maxEntry, what: "an entry of the catalogue"})
			if err := s.rest(); err != nil {
				return err
			}
			if s.end(); s.sinkErr != nil {
				return s.sinkErr
			}
			return j.add(entry.Bytes())
		})
	})
	if err == nil {
		err = s.End()
	}
	if j.err != nil {
		return j.err
	}
	return s.explain(err)
}

func (j *Join) add(entry []byte) error {
	separator := ","
	if !j.open {
		separator = `{"issues":[`
	}
	j.open = true
	j.write([]byte(separator))
	j.write(entry)
	return j.err
}

// End writes the end of the catalogue. Without entries it is {"issues":[]}.
func (j *Join) End() error {
	if !j.open {
		j.write([]byte(`{"issues":[`))
	}
	j.write([]byte("]}"))
	return j.err
}

func (j *Join) write(p []byte) {
	if j.err == nil {
		_, j.err = j.dst.Write(p)
	}
}
