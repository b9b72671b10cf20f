package runecast

import (
	"iter"
	"slices"
	"unsafe"
)

// maxHeld bounds the affected objects of one issue that are held in memory, in
// bytes.
const maxHeld = 4 << 20

// Object is an affected object of an issue. Its texts are valid until the next
// object is read.
type Object struct {
	// SystemUID, MOID, Name and Type are the members vcUid, moid, name and type;
	// each may be empty.
	SystemUID, MOID, Name, Type []byte
	// Status is the object's own; empty in v1.
	Status []byte
	Values []ResultValue
	// Raw is the object as the appliance sent it; empty without IssueOptions.KeepRaw.
	Raw []byte
	// Plain reports whether all texts of the object are known to be ASCII without a
	// control, a quote or a backslash. False: they were not checked.
	Plain bool
}

// ResultValue is one thing that the appliance found at an object; either text may
// be empty.
type ResultValue struct{ Description, Value []byte }

// span is a range in the memory of an issue, which is far shorter than 4 GiB: of
// the objects about maxHeld bytes are held.
type span struct{ from, to uint32 }

// heldObject is an object that is held. There are many of them: without pointers
// the garbage collector need not scan them, and each takes a third of the memory.
type heldObject struct {
	systemUID, moid, name, kind, status, raw, values span

	plain bool
}

type heldValue struct{ description, value span }

// IssueOptions say how issues are read.
type IssueOptions struct {
	// KeepRaw keeps each object's own JSON, as Object.Raw.
	KeepRaw bool
	// CountOnly counts the objects and holds none.
	CountOnly bool
	// HoldAll holds all objects of an issue, however many.
	HoldAll bool
}

// IssueReader reads the issues of a system one after the other into the same
// memory. For each issue the caller calls Read, uses Issue and Objects as it needs,
// and calls Finish. The list of an issue's objects may stand before the issue's
// other members or after them. So Read holds the objects in memory until the issue
// ends. Beyond 4 MiB of objects Read ends early, see More.
type IssueReader struct {
	issueWalker
	o IssueOptions
	// text holds the strings of the objects held.
	text    []byte
	objects []heldObject
	values  []heldValue
	// object and evidence are the memory of what at returns.
	object   Object
	evidence []ResultValue
	// passed counts the objects of the issue that are no longer held, and
	// passedBytes the bytes that they took in memory.
	passed      int
	passedBytes int
	// more: Read ended within the list of objects.
	more  bool
	forms forms
}

// NewIssueReader makes a reader of w. Before each call of Read, the next value of w
// must be an issue.
func NewIssueReader(w Walker, o IssueOptions) *IssueReader {
	return &IssueReader{issueWalker: issueWalker{Walker: w}, o: o}
}

// Read reads the next issue, and holds its objects up to the bound.
func (r *IssueReader) Read() error {
	r.drop()
	r.passed, r.passedBytes, r.more = 0, 0, false
	if err := r.begin(); err != nil {
		return err
	}
	return r.resume()
}

// More reports whether the current issue has more objects than are held. Then
// Objects reads on, and members that follow the objects are known only after
// Finish.
func (r *IssueReader) More() bool { return r.more }

// Listed returns how many objects of the current issue were read so far.
func (r *IssueReader) Listed() int { return r.passed + len(r.objects) }

// First returns the first of the objects held; nil if there is none.
func (r *IssueReader) First() *Object {
	if len(r.objects) == 0 {
		return nil
	}
	return r.at(0)
}

// Objects returns the objects of the current issue: first those held, then those
// that follow in the document. If there are more than are held, the sequence can
// be read only once.
func (r *IssueReader) Objects() iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		for i := range r.objects {
			if !yield(r.at(i), nil) {
				return
			}
		}
		if !r.more {
			return
		}
		r.drop()
		r.text, r.objects, r.values = nil, nil, nil // from now on one object is held at a time
		for r.PeekKind() != ']' {
			r.drop()
			if err := r.readObject(); err != nil {
				yield(nil, err)
				return
			}
			if len(r.objects) > 0 && !yield(r.at(0), nil) {
				return
			}
		}
	}
}

// Finish reads to the end of the current issue: it passes over the objects that
// were not read yet, and reads the members that follow them.
func (r *IssueReader) Finish() error {
	if !r.more {
		return nil
	}
	r.drop()
	for r.PeekKind() != ']' {
		if r.PeekKind() == '{' {
			if r.quick() {
				r.drop()
				continue
			}
			r.passed++
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	for r.more = false; ; {
		objects, err := r.members()
		if err == nil && objects { // a second list of the same name
			err = r.Skip()
		}
		if err != nil || !objects {
			return err
		}
	}
}

// resume reads members until the issue ends or there are too many objects.
func (r *IssueReader) resume() error {
	for {
		objects, err := r.members()
		if err != nil || !objects {
			return err
		}
		if err := r.hold(); err != nil || r.more {
			return err
		}
	}
}

// hold reads a list of objects and holds them, up to the bound.
func (r *IssueReader) hold() error {
	if r.PeekKind() != '[' {
		return r.Skip()
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	for r.PeekKind() != ']' {
		if r.size() > maxHeld && !r.o.HoldAll {
			r.more = true
			return nil
		}
		if err := r.readObject(); err != nil {
			return err
		}
		if r.o.CountOnly {
			r.drop()
		}
	}
	_, err := r.ReadToken()
	return err
}

// size returns how many bytes of memory the objects read so far take, or would
// take if all were held.
func (r *IssueReader) size() int {
	return r.passedBytes + len(r.text) +
		len(r.objects)*int(unsafe.Sizeof(heldObject{})) + len(r.values)*int(unsafe.Sizeof(heldValue{}))
}

// drop forgets the objects held.
func (r *IssueReader) drop() {
	r.passed, r.passedBytes = r.Listed(), r.size()
	r.text, r.objects, r.values = r.text[:0], r.objects[:0], r.values[:0]
}

// at returns the held object at index i; it is valid until the next call.
func (r *IssueReader) at(i int) *Object {
	h := &r.objects[i]
	r.evidence = r.evidence[:0]
	for _, v := range r.values[h.values.from:h.values.to] {
		r.evidence = append(r.evidence, ResultValue{r.of(v.description), r.of(v.value)})
	}
	r.object = Object{r.of(h.systemUID), r.of(h.moid), r.of(h.name), r.of(h.kind), r.of(h.status), r.evidence, r.of(h.raw), h.plain}
	return &r.object
}

func (r *IssueReader) of(s span) []byte { return r.text[s.from:s.to] }

// readObject reads one affected object and holds it. A value that is no object is
// skipped.
func (r *IssueReader) readObject() error {
	if r.PeekKind() != '{' {
		return r.Skip()
	}
	if r.quick() {
		return nil
	}
	learns := r.forms.mayLearn()
	if r.o.KeepRaw || learns {
		r.Pin()
	}
	o := heldObject{values: span{from: uint32(len(r.values))}}
	if err := r.fields(&o); err != nil {
		return err
	}
	o.values.to = uint32(len(r.values))
	if r.o.KeepRaw || learns {
		raw := r.Pinned()
		if learns && len(raw) <= maxForm {
			r.forms.learn(slices.Clone(raw))
		}
		if r.o.KeepRaw {
			o.raw.from = uint32(len(r.text))
			r.text = append(r.text, raw...)
			o.raw.to = uint32(len(r.text))
		}
	}
	r.objects = append(r.objects, o)
	return nil
}

// fields reads the members of an object. Most of the time of a reading is spent in
// this loop and in that of resultValue: so neither uses Members, which is slower.
func (r *IssueReader) fields(o *heldObject) error {
	_, err := r.ReadToken()
	for err == nil {
		name, ok, end := r.NextName()
		if end != nil || !ok {
			return end
		}
		switch string(name) {
		case "vcUid":
			o.systemUID, err = r.keep()
		case "moid":
			o.moid, err = r.keep()
		case "name":
			o.name, err = r.keep()
		case "type":
			o.kind, err = r.keep()
		case "status":
			o.status, err = r.keep()
		case "resultValues":
			err = r.Elements(r.resultValue)
		default:
			err = r.Skip()
		}
	}
	return err
}

func (r *IssueReader) resultValue() error {
	if r.PeekKind() != '{' {
		return r.Skip()
	}
	var v heldValue
	_, err := r.ReadToken()
	for err == nil {
		name, ok, end := r.NextName()
		if end != nil {
			return end
		}
		if !ok {
			r.values = append(r.values, v)
			return nil
		}
		switch string(name) {
		case "description":
			v.description, err = r.keep()
		case "value":
			v.value, err = r.keep()
		default:
			err = r.Skip()
		}
	}
	return err
}

// keep reads a text into the issue's memory, and returns its place there.
func (r *IssueReader) keep() (span, error) {
	begin := len(r.text)
	var err error
	r.text, err = r.AppendText(r.text)
	return span{uint32(begin), uint32(len(r.text))}, err
}
