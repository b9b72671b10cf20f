package mapping

import (
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// system is the analysed system as a finding's object.
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

// emitObjects emits one finding per affected object; one on the system if none
// of those listed has the issue's own verdict.
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

// resource is an affected object as the finding's object; one that cannot be
// distinguished from others is the system. Its id lives until the next call.
func (w *work) resource(o *runecast.Object) securityevent.Finding {
	if len(o.MOID) == 0 && len(o.Name) == 0 {
		return w.system()
	}
	f := securityevent.Finding{ObjectID: w.objectID(o), ObjectName: o.Name, ObjectType: o.Type}
	f.Plain = o.Plain && len(o.SystemUID) > 0 && len(o.Type) > 0 // else something of the system stands there
	if len(f.ObjectType) == 0 {
		f.ObjectType = []byte(w.res.Scan.SystemType)
	}
	return f
}

func (w *work) evidenceOf(o *runecast.Object, v verdict) []byte {
	if !w.m.settings.Evidence || v.status == securityevent.NotRelevant {
		return nil
	}
	w.evidence.plain = o.Plain
	return w.evidence.of(o.Values, v.manualCheck)
}

// objectID is unique over all systems: an ARN or Azure resource id as it is,
// else below the system's id, since vCenters share moids such as host-81.
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

// append appends what Emit takes of a finding.
func (w *work) append(dst []byte, f *securityevent.Finding) []byte {
	if w.in.Begin == nil {
		dst = append(dst, w.enc.Shared()...)
	}
	return w.enc.AppendOwn(dst, f, w.in.Now())
}
