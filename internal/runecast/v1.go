package runecast

import (
	"bytes"
	"fmt"
	"io"

	"runecast-ingest/internal/fault"
)

const (
	// maxHead bounds what is held of an element until its uid has passed.
	maxHead = 1 << 20
	// maxEntry bounds one entry of the catalogue where it is put together.
	maxEntry = 1 << 20
)

// ReadV1 reads a v1 results document and calls visit for every element of
// results[] that has a uid, in order. visit may take the element with WriteTo;
// what it leaves is skipped. An error of visit ends the reading and comes back.
// profile is called with the profile code of each issue; nil: nobody wants it.
//
// Nothing is held but one token and, until its uid has passed, 1 MiB of an
// element. A document that is cut, malformed, followed by anything, or no
// results document at all, is an error; a single text over 16 MiB, too.
func ReadV1(r io.Reader, profile func(code string), visit func(*Element) error) error {
	doc := newResults(r, chunkSize)
	doc.profile = profile
	return doc.v1(visit)
}

// ReadSavedV1 is ReadV1 of a document that a person saved, and may have sorted on
// the way: the uid of an element may come as late as it likes, and the element cannot
// be taken with WriteTo. An element without a uid is an error: nobody could say whose
// results they are, and they would be missing without a word.
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

func (r *results) element(index int, visit func(*Element) error) error {
	if r.PeekKind() != '{' {
		return r.Skip()
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	e := &Element{Index: index, r: r, taken: r.saved}
	e.step = e.v1
	if !r.saved { // else nobody wants its bytes
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
	switch {
	case e.ID != "":
		if err := r.visit(e, visit); err != nil {
			return err
		}
	case r.saved:
		return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("element %d of results has no uid, so that nobody knows of which system it is", e.Index+1),
			Cure: "save what the appliance answers to /results, as it comes"}
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
	// Address is its name in the network; empty if the appliance names none.
	Address string
}

// DecodeVCenters reads v1's list of vCenters.
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

// Join writes one catalogue, {"issues":[…]}, of the entries of several.
type Join struct {
	dst  io.Writer
	open bool
	err  error // of dst
}

// NewJoin makes a Join that writes to dst.
func NewJoin(dst io.Writer) *Join { return &Join{dst: dst} }

// Err is the first error of the destination.
func (j *Join) Err() error { return j.err }

// Add copies the entries of one document. Of a document that breaks off, the
// entries before remain: each is written when it was whole.
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

// End writes the end of the catalogue.
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
