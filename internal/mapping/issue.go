package mapping

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeld bounds the affected objects of one issue that are held in memory,
// in bytes of their texts. Beyond it they are streamed.
const maxHeld = 4 << 20

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

// issueReader reads issues one by one into the same memory.
type issueReader struct {
	dec *jsontext.Decoder
	// text holds the strings of the current issue.
	text    []byte
	head    head
	objects []heldObject
	values  []heldValue
	// object and evidence are what at gives.
	object   affected
	evidence []resultValue
	// dropped is what drop has forgotten of the issue.
	dropped held
	// overflow is called when the objects grow over maxHeld while more follow
	// in the decoder; it must read the rest of the array's elements.
	overflow func() error
	// streamed: overflow was called for this issue.
	streamed bool
	// keepRaw keeps the objects' own JSON.
	keepRaw bool
	// countOnly drops each object once it was counted.
	countOnly bool
}

// read reads the next issue.
func (r *issueReader) read() error {
	r.drop()
	r.dropped = held{}
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
		if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) { // nearly always, and faster
			r.text = append(r.text, raw[1:len(raw)-1]...)
		} else {
			r.text, _ = jsontext.AppendUnquote(r.text, raw) // its error says that bytes were replaced
		}
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
