package mapping

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeld bounds the affected objects of one issue that are held in memory,
// in bytes of their texts. Beyond it they are streamed.
const maxHeld = 8 << 20

// maxText bounds one text of an appliance in bytes; the rest is cut away.
const maxText = 1 << 20

// head is an issue without its objects.
type head struct {
	id, displayID, profile, severity, title, url, status string
	products                                             []string
	appliesTo                                            string
	// count is affectedObjectsCount; -1 if missing.
	count int64
}

// affected is one object of an issue. Its texts live as long as the issue.
type affected struct {
	systemUID, moid, name, kind []byte
	// status is the object's own verdict; empty in v1.
	status []byte
	values []resultValue
	// raw is the object as the appliance sent it, if it is kept.
	raw []byte
}

type resultValue struct{ description, value []byte }

// issueReader reads issues one by one into the same memory.
type issueReader struct {
	dec *jsontext.Decoder
	// text holds the strings of the current issue.
	text    []byte
	head    head
	objects []affected
	values  []resultValue
	// overflow is called when the objects grow over maxHeld while more follow
	// in the decoder; it must read the rest of the array's elements.
	overflow func() error
	// streamed: overflow was called for this issue.
	streamed bool
	// keepRaw keeps the objects' own JSON.
	keepRaw bool
}

// read reads the next issue.
func (r *issueReader) read() error {
	r.text, r.objects, r.values = r.text[:0], r.objects[:0], r.values[:0]
	r.head, r.streamed = head{count: -1, products: r.head.products[:0]}, false
	return members(r.dec, r.member)
}

// member reads one member of an issue, in v1 flat, in v2 with an inner issue.
func (r *issueReader) member(name []byte) (err error) {
	h := &r.head
	switch string(name) {
	case `"issue"`:
		return members(r.dec, r.member)
	case `"affectedObjects"`:
		return r.affectedObjects()
	case `"affectedObjectsCount"`:
		h.count, err = r.integer()
	case `"products"`:
		return elements(r.dec, r.product)
	case `"id"`:
		h.id, err = r.string()
	case `"issueDisplayId"`:
		h.displayID, err = r.string()
	case `"type"`:
		h.profile, err = r.string()
	case `"severity"`:
		h.severity, err = r.string()
	case `"title"`:
		h.title, err = r.string()
	case `"url"`:
		h.url, err = r.string()
	case `"status"`:
		h.status, err = r.string()
	case `"appliesTo"`:
		h.appliesTo, err = r.string()
	default:
		return r.dec.SkipValue()
	}
	return err
}

func (r *issueReader) product() error {
	return members(r.dec, func(name []byte) (err error) {
		if string(name) != `"name"` {
			return r.dec.SkipValue()
		}
		p, err := r.string()
		if p != "" {
			r.head.products = append(r.head.products, p)
		}
		return err
	})
}

func (r *issueReader) affectedObjects() error {
	return elements(r.dec, func() error {
		if r.held() > maxHeld && r.overflow != nil && !r.streamed {
			r.streamed = true
			return r.overflow()
		}
		return r.object()
	})
}

// held is what the objects of the issue take in memory, in bytes.
func (r *issueReader) held() int {
	return len(r.text) + len(r.objects)*int(unsafe.Sizeof(affected{})) + len(r.values)*int(unsafe.Sizeof(resultValue{}))
}

// object reads one affected object and keeps it. What is no object is skipped.
func (r *issueReader) object() error {
	switch {
	case r.dec.PeekKind() != '{':
		return r.dec.SkipValue()
	case !r.keepRaw:
		return r.fields(nil)
	}
	raw, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	begin := len(r.text)
	r.text = append(r.text, raw...)
	kept := r.text[begin:len(r.text):len(r.text)]
	outer := r.dec
	r.dec = newDecoder(bytes.NewReader(kept))
	err = r.fields(kept)
	r.dec = outer
	return err
}

// fields reads the members of an object.
func (r *issueReader) fields(raw []byte) error {
	o := affected{raw: raw}
	first := len(r.values)
	err := members(r.dec, func(name []byte) (err error) {
		switch string(name) {
		case `"vcUid"`:
			o.systemUID, err = r.bytes()
		case `"moid"`:
			o.moid, err = r.bytes()
		case `"name"`:
			o.name, err = r.bytes()
		case `"type"`:
			o.kind, err = r.bytes()
		case `"status"`:
			o.status, err = r.bytes()
		case `"resultValues"`:
			return elements(r.dec, r.resultValue)
		default:
			return r.dec.SkipValue()
		}
		return err
	})
	o.values = r.values[first:len(r.values):len(r.values)]
	r.objects = append(r.objects, o)
	return err
}

func (r *issueReader) resultValue() error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	var v resultValue
	err := members(r.dec, func(name []byte) (err error) {
		switch string(name) {
		case `"description"`:
			v.description, err = r.bytes()
		case `"value"`:
			v.value, err = r.bytes()
		default:
			return r.dec.SkipValue()
		}
		return err
	})
	r.values = append(r.values, v)
	return err
}

// drop forgets the objects held, to make room for the next of a stream.
func (r *issueReader) drop() {
	r.text, r.objects, r.values = r.text[:0], r.objects[:0], r.values[:0]
}

// bytes reads a text into the issue's memory: a string, or a number or
// boolean as it is written; null, objects and arrays are no text.
func (r *issueReader) bytes() ([]byte, error) {
	switch r.dec.PeekKind() {
	case '"':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return nil, err
		}
		begin := len(r.text)
		r.text, _ = jsontext.AppendUnquote(r.text, raw) // its error says that bytes were replaced
		if len(r.text)-begin > maxText {
			r.text = r.text[:begin+maxText]
		}
		return r.text[begin:len(r.text):len(r.text)], nil
	case '0', 't', 'f':
		raw, err := r.dec.ReadValue()
		begin := len(r.text)
		r.text = append(r.text, raw...)
		return r.text[begin:len(r.text):len(r.text)], err
	}
	return nil, r.dec.SkipValue()
}

func (r *issueReader) string() (string, error) {
	begin := len(r.text)
	b, err := r.bytes()
	s := string(b)
	r.text = r.text[:begin]
	return s, err
}

// integer reads a number that may be written as a string; -1 if it is none.
func (r *issueReader) integer() (int64, error) {
	s, err := r.string()
	if f, bad := strconv.ParseFloat(s, 64); err == nil && bad == nil && f >= 0 && f <= 1<<53 {
		return int64(f), nil
	}
	return -1, err
}
