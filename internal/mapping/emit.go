package mapping

import (
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// system returns the analysed system as a finding's object.
func (w *work) system() securityevent.Finding {
	scan := &w.res.Scan
	return securityevent.Finding{ObjectID: []byte(scan.SystemID), ObjectName: []byte(scan.SystemName), ObjectType: []byte(scan.SystemType)}
}

// emitSystem emits one finding on the system itself, without any object's evidence.
func (w *work) emitSystem(r *securityevent.Rule) error {
	f := w.system()
	f.Original = w.original.of(nil)
	return w.emit(r, &f)
}

// emitObjects emits one finding for each listed object that has the issue's verdict;
// if none has it, one finding on the system.
func (w *work) emitObjects(r *securityevent.Rule, v verdict) error {
	before := w.res.Mapped
	for o, err := range w.issues.Objects() {
		if err != nil {
			return err
		}
		if !v.has(o) {
			continue
		}
		if err := w.emitObject(r, v, o); err != nil {
			return err
		}
	}
	if w.res.Mapped == before {
		return w.emitSystem(r)
	}
	return nil
}

func (w *work) emitObject(r *securityevent.Rule, v verdict, o *runecast.Object) error {
	f := w.resource(o)
	f.Original = w.original.of(o.Raw)
	if v.status != securityevent.Passed {
		f.QuotedEvidence = w.evidenceOf(o, v)
	}
	return w.emit(r, &f)
}

// resource returns an affected object as a finding's object, or the system if the
// object has neither id nor name. The id is valid until the next call.
func (w *work) resource(o *runecast.Object) securityevent.Finding {
	if len(o.MOID) == 0 && len(o.Name) == 0 {
		return w.system()
	}
	f := securityevent.Finding{ObjectID: w.objectID(o), ObjectName: o.Name, ObjectType: o.Type}
	f.Plain = o.Plain && len(o.SystemUID) > 0 && len(o.Type) > 0 // else a text of the system stands in, which may not be plain
	if len(f.ObjectType) == 0 {
		f.ObjectType = []byte(w.res.Scan.SystemType)
	}
	return f
}

// evidenceOf returns the object's evidence as a JSON string; nil: the settings or the
// verdict leave it out.
func (w *work) evidenceOf(o *runecast.Object, v verdict) []byte {
	if !w.m.settings.Evidence || v.status == securityevent.NotRelevant {
		return nil
	}
	w.evidence.plain = o.Plain
	return w.evidence.of(o.Values, v.manualCheck)
}

// objectID returns an id that is unique over all systems: an ARN or Azure resource id
// as it is, else "<system>/<id>", since vCenters share moids such as host-81.
func (w *work) objectID(o *runecast.Object) []byte {
	id := o.MOID
	if len(id) == 0 {
		id = o.Name
	}
	if prefixed(id, "arn:") || prefixed(id, "/subscriptions/") {
		return id
	}
	w.id = w.id[:0]
	if len(o.SystemUID) > 0 {
		w.id = append(w.id, o.SystemUID...)
	} else {
		w.id = append(w.id, w.res.Scan.SystemID...)
	}
	w.id = append(append(w.id, '/'), id...)
	return w.id
}

func prefixed(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// emit counts a finding and passes it to Emit.
func (w *work) emit(r *securityevent.Rule, f *securityevent.Finding) error {
	w.res.Mapped++
	w.summary.row(r)
	if w.in.Room != nil {
		if room := w.in.Room(); cap(room) > 0 {
			return w.in.Emit(w.append(room, f))
		}
	}
	w.event = w.append(w.event[:0], f)
	return w.in.Emit(w.event)
}

// append appends a finding as Emit takes it: whole, or without the beginning that
// Begin has taken.
func (w *work) append(dst []byte, f *securityevent.Finding) []byte {
	if w.in.Begin == nil {
		dst = append(dst, w.enc.Shared()...)
	}
	return w.enc.AppendOwn(dst, f, w.in.Now())
}
