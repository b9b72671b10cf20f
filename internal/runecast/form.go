package runecast

import (
	"bytes"

	"runecast-ingest/internal/jsonread"
)

// member is what a text of an affected object is kept as.
type member byte

const (
	nothing member = iota
	systemUID
	moid
	name
	kind
	status
	description
	value
)

// memberOf returns what the text of a member is kept as, of an object or of one of
// its result values.
func memberOf(word []byte, inValue bool) member {
	switch string(word) {
	case "description":
		if inValue {
			return description
		}
	case "value":
		if inValue {
			return value
		}
	case "vcUid":
		return outer(systemUID, inValue)
	case "moid":
		return outer(moid, inValue)
	case "name":
		return outer(name, inValue)
	case "type":
		return outer(kind, inValue)
	case "status":
		return outer(status, inValue)
	}
	return nothing
}

func outer(m member, inValue bool) member {
	if inValue {
		return nothing
	}
	return m
}

// step is a text of an object: what is written before it, from the text before up
// to its quote, and what it is.
type step struct {
	before []byte
	is     member
}

// form is how an object is written, but for its texts. An appliance writes the
// objects of a list alike, so that most of them need not be read token by token:
// where the bytes between their texts are those of an object that was, they say
// the same. All else, and every text in which something is escaped or is no ASCII,
// is left to the reader of tokens.
type form struct {
	head []step // of the object, up to its result values
	open []byte // before the first of these, with the bracket; nil: there are none
	each []step // of a result value
	shut []byte // behind one
	tail []step // of the object, behind its result values
	end  []byte
}

// maxForm is how long an object is at most whose form is learned.
const maxForm = 16 << 10

const (
	// maxForms are known at a time.
	maxForms = 4
	// leastUse is how many objects a form is to serve. Where it did not, the next
	// patience objects of no known form are not learned from.
	leastUse, patience = 16, 64
)

// forms are what an IssueReader knows of the forms of objects.
type forms struct {
	known []*form // what served last comes first
	// idle counts down the objects that are not learned from.
	idle int
	// served counts the objects that were of a known form; before are those of the
	// time when the last was learned.
	served, before int
	// usual is how long the object was that was learned from.
	usual int
}

// quick reads the object at hand by a form that is known, and reports whether that
// did. What it reads is what readObject would.
func (r *IssueReader) quick() bool {
	known := r.forms.known
	if len(known) == 0 {
		return false
	}
	b := r.Ahead(2 * r.forms.usual)
	for i, f := range known {
		if r.byForm(f, b) {
			copy(known[1:i+1], known)
			known[0] = f
			r.forms.served++
			return true
		}
	}
	return false
}

// byForm reads the object at hand if it is of a form.
func (r *IssueReader) byForm(f *form, b []byte) bool {
	text, values := len(r.text), len(r.values)
	o := heldObject{values: span{from: uint32(values)}, plain: true}
	at, ok := r.steps(b, 0, f.head, &o, nil)
	if ok && f.open != nil {
		at, ok = r.list(f, b, at)
	}
	if ok {
		at, ok = r.steps(b, at, f.tail, &o, nil)
	}
	if !ok || !bytes.HasPrefix(b[at:], f.end) {
		r.text, r.values = r.text[:text], r.values[:values]
		return false
	}
	at += len(f.end)
	o.values.to = uint32(len(r.values))
	if r.o.KeepRaw {
		o.raw.from = uint32(len(r.text))
		r.text = append(r.text, b[:at]...)
		o.raw.to = uint32(len(r.text))
	}
	r.PassValue(at)
	r.objects = append(r.objects, o)
	return true
}

// list reads the result values that begin at a place, and returns where their list
// ends, before its bracket.
func (r *IssueReader) list(f *form, b []byte, at int) (int, bool) {
	if !bytes.HasPrefix(b[at:], f.open) {
		return at, false
	}
	at += len(f.open)
	if at < len(b) && b[at] == ']' {
		return at, true
	}
	for {
		var v heldValue
		var ok bool
		if at, ok = r.steps(b, at, f.each, nil, &v); !ok || len(f.shut) == 0 || !bytes.HasPrefix(b[at:], f.shut) {
			return at, false
		}
		r.values = append(r.values, v)
		if at += len(f.shut); at >= len(b) || b[at] != ',' {
			return at, true // what stands there instead is not for this to say
		}
		at++
	}
}

// steps reads texts of an object or of a result value from a place on.
func (r *IssueReader) steps(b []byte, at int, steps []step, o *heldObject, v *heldValue) (int, bool) {
	for i := range steps {
		s := &steps[i]
		if !bytes.HasPrefix(b[at:], s.before) {
			return at, false
		}
		at += len(s.before)
		end := jsonread.Plain(b, at)
		if end == len(b) || b[end] != '"' || end-at > maxText {
			return at, false
		}
		if s.is != nothing {
			begin := len(r.text)
			r.text = append(r.text, b[at:end]...)
			set(s.is, span{uint32(begin), uint32(len(r.text))}, o, v)
		}
		at = end
	}
	return at, true
}

func set(m member, s span, o *heldObject, v *heldValue) {
	switch m {
	case systemUID:
		o.systemUID = s
	case moid:
		o.moid = s
	case name:
		o.name = s
	case kind:
		o.kind = s
	case status:
		o.status = s
	case description:
		v.description = s
	case value:
		v.value = s
	}
}

// wanted reports whether the form of an object that was not of the one known is to
// be learned.
func (f *forms) wanted() bool {
	if f.idle > 0 {
		f.idle--
		return false
	}
	return true
}

// learn takes the form of an object that was read.
func (f *forms) learn(object []byte) {
	if len(f.known) == maxForms && f.served-f.before < leastUse {
		f.idle = patience
	}
	f.usual = len(object)
	l := learner{Walker: NewWalker(bytes.NewReader(object)), object: object}
	learned, ok := l.form()
	if !ok {
		f.idle = patience
		return
	}
	f.before = f.served
	f.known = append([]*form{learned}, f.known[:min(len(f.known), maxForms-1)]...)
}

// learner reads an object, which is JSON, for its form.
type learner struct {
	Walker
	object []byte
	at     int // behind the last text
	// seen are the members that were read, of the object and of a result value.
	seen uint
	// other: the object has no form.
	other bool
}

// form returns the object's form; false: it has none.
func (l *learner) form() (f *form, ok bool) {
	f = new(form)
	into := &f.head
	err := l.Members(func(word []byte) error {
		if string(word) == "resultValues" && l.PeekKind() == '[' {
			l.other = l.other || f.open != nil
			into = &f.tail
			return l.list(f)
		}
		return l.text(into, memberOf(word, false))
	})
	f.end = l.object[l.at:]
	return f, err == nil && !l.other
}

// list reads the result values, of which the first says how all are written.
func (l *learner) list(f *form) error {
	if _, err := l.ReadToken(); err != nil {
		return err
	}
	f.open = l.object[l.at:l.InputOffset()]
	l.at = int(l.InputOffset())
	for l.PeekKind() != ']' {
		if l.PeekKind() != '{' || f.shut != nil {
			if f.shut == nil {
				l.other = true
			}
			if err := l.Skip(); err != nil {
				return err
			}
			l.at = int(l.InputOffset())
			continue
		}
		if err := l.Members(func(word []byte) error { return l.text(&f.each, memberOf(word, true)) }); err != nil {
			return err
		}
		f.shut = l.object[l.at:l.InputOffset()]
		l.at = int(l.InputOffset())
	}
	_, err := l.ReadToken()
	return err
}

// text reads the value of a member. Where it is kept, numbers and truth are texts,
// too, and of two members of a name the last counts: such an object has no form.
func (l *learner) text(into *[]step, is member) error {
	bit := uint(1) << is
	l.other = l.other || is != nothing && l.seen&bit != 0
	l.seen |= bit
	if l.PeekKind() != '"' {
		l.other = l.other || is != nothing && l.PeekKind() != 'n'
		return l.Skip()
	}
	text, plain, err := l.ReadString()
	end := int(l.InputOffset()) - len(`"`)
	*into = append(*into, step{l.object[l.at : end-len(text)], is})
	l.at = end
	l.other = l.other || !plain
	return err
}
