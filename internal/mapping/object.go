package mapping

import (
	"bytes"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// affected is one object of an issue. Its texts live as long as the issue, and
// itself until the next object is looked at.
type affected struct {
	systemUID, moid, name, kind []byte
	// status is the object's own verdict; empty in v1.
	status []byte
	values []resultValue
	// raw is the object as the appliance sent it, if it is kept.
	raw []byte
}

type resultValue struct{ description, value []byte }

// place is where something is in the memory of an issue, which ends before 4
// GiB: beyond maxHeld objects are streamed.
type place struct{ from, to uint32 }

// heldObject is an object as it is held. Objects are many: without pointers
// the garbage collector need not look at them, and they take a third.
type heldObject struct{ systemUID, moid, name, kind, status, raw, values place }

type heldValue struct{ description, value place }

// held is a number of objects and what they take in memory, in bytes.
type held struct{ objects, bytes int }

// held counts the objects of the issue so far.
func (r *issueReader) held() held {
	return held{
		objects: r.dropped.objects + len(r.objects),
		bytes: r.dropped.bytes + len(r.text) +
			len(r.objects)*int(unsafe.Sizeof(heldObject{})) + len(r.values)*int(unsafe.Sizeof(heldValue{})),
	}
}

// drop forgets the objects held, to make room for the next of a stream.
func (r *issueReader) drop() {
	r.dropped = r.held()
	r.text, r.objects, r.values = r.text[:0], r.objects[:0], r.values[:0]
}

// free drops the objects and gives their memory back: a stream needs room for
// one only.
func (r *issueReader) free() {
	r.drop()
	r.text, r.objects, r.values = nil, nil, nil
}

// at gives an object that is held, until the next call.
func (r *issueReader) at(i int) *affected {
	h := &r.objects[i]
	r.evidence = r.evidence[:0]
	for _, v := range r.values[h.values.from:h.values.to] {
		r.evidence = append(r.evidence, resultValue{r.of(v.description), r.of(v.value)})
	}
	r.object = affected{r.of(h.systemUID), r.of(h.moid), r.of(h.name), r.of(h.kind), r.of(h.status), r.evidence, r.of(h.raw)}
	return &r.object
}

func (r *issueReader) of(p place) []byte { return r.text[p.from:p.to] }

func (r *issueReader) affectedObjects() error {
	return elements(r.dec, func() error {
		if r.overflow != nil && !r.streamed && r.held().bytes > maxHeld {
			r.streamed = true
			return r.overflow()
		}
		err := r.readObject()
		if r.countOnly {
			r.drop()
		}
		return err
	})
}

// readObject reads one affected object and keeps it. What is no object is skipped.
func (r *issueReader) readObject() error {
	switch {
	case r.dec.PeekKind() != '{':
		return r.dec.SkipValue()
	case !r.keepRaw:
		return r.fields(place{})
	}
	raw, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	begin := len(r.text)
	r.text = append(r.text, raw...)
	kept := place{uint32(begin), uint32(len(r.text))}
	outer := r.dec
	r.dec = newDecoder(bytes.NewReader(r.of(kept)))
	err = r.fields(kept)
	r.dec = outer
	return err
}

// fields reads the members of an object.
func (r *issueReader) fields(raw place) error {
	o := heldObject{raw: raw, values: place{from: uint32(len(r.values))}}
	err := members(r.dec, func(name []byte) (err error) {
		switch string(name) {
		case `"vcUid"`:
			o.systemUID, err = r.place()
		case `"moid"`:
			o.moid, err = r.place()
		case `"name"`:
			o.name, err = r.place()
		case `"type"`:
			o.kind, err = r.place()
		case `"status"`:
			o.status, err = r.place()
		case `"resultValues"`:
			return elements(r.dec, r.resultValue)
		default:
			return r.dec.SkipValue()
		}
		return err
	})
	o.values.to = uint32(len(r.values))
	r.objects = append(r.objects, o)
	return err
}

func (r *issueReader) resultValue() error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	var v heldValue
	err := members(r.dec, func(name []byte) (err error) {
		switch string(name) {
		case `"description"`:
			v.description, err = r.place()
		case `"value"`:
			v.value, err = r.place()
		default:
			return r.dec.SkipValue()
		}
		return err
	})
	r.values = append(r.values, v)
	return err
}

// place reads a text, see bytes, and says where it is.
func (r *issueReader) place() (place, error) {
	begin := len(r.text)
	_, err := r.bytes()
	return place{uint32(begin), uint32(len(r.text))}, err
}

// passObjects reads the remaining elements of an array, and says how many they
// are. A whole one at a time is read faster than its tokens.
func passObjects(dec *jsontext.Decoder) (n int, err error) {
	for ; dec.PeekKind() != ']'; n++ {
		if _, err := dec.ReadValue(); err != nil {
			return n, err
		}
	}
	return n, nil
}
