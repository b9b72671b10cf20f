package runecast

import (
	"bytes"

	"runecast-ingest/internal/jsonread"
)

// member is the field of an object or of a result value in which a text is kept.
type member byte

const (
	nothing member = iota // the text is not kept
	systemUID
	moid
	name
	kind
	status
	description
	value
)

// memberOf returns the field in which the text of the member called word is kept.
// inValue says whether it is a member of a result value or of the object itself.
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

// outer returns m, which is a field of the object itself; nothing in a result value.
func outer(m member, inValue bool) member {
	if inValue {
		return nothing
	}
	return m
}

// step is one text in the form of an object.
type step struct {
	// before are the bytes between the text before and this one, with the closing
	// quote of the one and the opening quote of the other.
	before []byte
	// is says in which field the text is kept.
	is member
}

// form is how an object is written: all of its bytes but those of its texts. An
// appliance writes most objects of a list alike. If the bytes between the texts of
// an object are the same as in an object that was read token by token, the texts
// belong to the same members, and the object need not be read token by token. The
// token reader reads every other object, and each in which a text has an escape or
// a byte that is no ASCII.
type form struct {
	head []step // the texts of the object before its result values
	open []byte // the bytes between head and the first result value; nil: the object has no list of them
	each []step // the texts of one result value
	shut []byte // the bytes from the last text of a result value to its closing brace
	tail []step // the texts of the object behind its result values
	end  []byte // the bytes behind the last text of the object
}

// maxForm bounds the length of an object whose form is learned, in bytes.
const maxForm = 16 << 10

const (
	// maxForms bounds how many forms are known at a time.
	maxForms = 4
	// leastUse is how many objects must have been read by known forms since the last
	// form was learned. If there were fewer, and maxForms are known, learning pays
	// too little: the next patience objects of unknown form are not learned from.
	leastUse, patience = 16, 64
)

// forms are the forms of objects that an IssueReader has learned.
type forms struct {
	known []*form // the one used last comes first
	// idle is how many objects of unknown form are still not to be learned from.
	idle int
	// served counts the objects that were read by a known form. servedBefore is the
	// same count at the time when the last form was learned.
	served, servedBefore int
	// usual is the length in bytes of the object that was learned from last.
	usual int
}

// quick reads the next object by a known form, and reports whether a form fitted.
// It holds the same as readObject would.
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

// byForm reads the next object, with which b begins, and reports whether it is of
// the form f. If it is not, nothing is read.
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

// list reads the result values from b[at] on, and returns where their list ends,
// before its closing bracket; false: they are not of the form f.
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
			return at, true // the caller compares what follows
		}
		at++
	}
}

// steps reads the texts of an object (o) or of a result value (v) from b[at] on,
// and returns where the last one ends; false: they are not as the steps say.
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

// set keeps the place of a text in the field m of an object or of a result value.
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

// mayLearn reports whether a form is to be learned from the next object, which is
// of no known form. Each call counts one such object.
func (f *forms) mayLearn() bool {
	if f.idle > 0 {
		f.idle--
		return false
	}
	return true
}

// learn adds the form of an object, given as it is written, to the known forms. The
// one that was not used for the longest time may make room for it.
func (f *forms) learn(object []byte) {
	if len(f.known) == maxForms && f.served-f.servedBefore < leastUse {
		f.idle = patience
	}
	f.usual = len(object)
	l := learner{Walker: NewWalker(bytes.NewReader(object)), object: object}
	learned, ok := l.form()
	if !ok {
		f.idle = patience
		return
	}
	f.servedBefore = f.served
	f.known = append([]*form{learned}, f.known[:min(len(f.known), maxForms-1)]...)
}

// learner finds the form of an object, whose bytes are known to be JSON.
type learner struct {
	Walker
	object []byte
	at     int // where the bytes begin that are not in the form yet
	// seen has a bit for each member that was read, of the object and of a result
	// value.
	seen uint
	// formless: the object has no form.
	formless bool
}

// form returns the object's form; false: it has none.
func (l *learner) form() (f *form, ok bool) {
	f = new(form)
	into := &f.head
	err := l.Members(func(word []byte) error {
		if string(word) == "resultValues" && l.PeekKind() == '[' {
			l.formless = l.formless || f.open != nil // a second list
			into = &f.tail
			return l.list(f)
		}
		return l.text(into, memberOf(word, false))
	})
	f.end = l.object[l.at:]
	return f, err == nil && !l.formless
}

// list reads the result values. The form has the texts of the first one, since all
// are expected to be written like it.
func (l *learner) list(f *form) error {
	if _, err := l.ReadToken(); err != nil {
		return err
	}
	f.open = l.object[l.at:l.InputOffset()]
	l.at = int(l.InputOffset())
	for l.PeekKind() != ']' {
		if l.PeekKind() != '{' || f.shut != nil {
			if f.shut == nil {
				l.formless = true
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

// text reads the value of a member. An object has no form if it has a member twice
// that is kept, since the last one counts; nor if such a member is a number or a
// boolean, which the token reader keeps as a text.
func (l *learner) text(into *[]step, is member) error {
	bit := uint(1) << is
	l.formless = l.formless || is != nothing && l.seen&bit != 0
	l.seen |= bit
	if l.PeekKind() != '"' {
		l.formless = l.formless || is != nothing && l.PeekKind() != 'n'
		return l.Skip()
	}
	text, plain, err := l.ReadString()
	end := int(l.InputOffset()) - len(`"`)
	*into = append(*into, step{l.object[l.at : end-len(text)], is})
	l.at = end
	l.formless = l.formless || !plain
	return err
}
