package mapping

import (
	"hash/maphash"
	"strings"

	"runecast-ingest/internal/securityevent"
)

// Coverage emits one coverage event for each object that the compliance results
// of a document name, and for the system. It is for a second reading, once the
// scan is committed. A set of 8 bytes per object is kept in memory.
func (m *Mapper) Coverage(in Input, key string) error {
	d := in.Document
	w := &work{m: m, in: in, summary: newSummary(), res: Result{Scan: scanOf(&d.Envelope, in.ScanID), Reasons: map[string]int64{}}}
	w.issues = issueReader{dec: d.dec}
	seed, seen := maphash.MakeSeed(), map[uint64]struct{}{}
	held := func() error {
		for i := range w.issues.objects {
			o := &w.issues.objects[i]
			f := w.resource(o)
			sum := maphash.Bytes(seed, f.ObjectID)
			if _, again := seen[sum]; again || len(o.moid)+len(o.name) == 0 || !m.compliance(strings.ToUpper(w.issues.head.profile)) {
				continue
			}
			seen[sum] = struct{}{}
			w.event = securityevent.AppendCoverage(w.event[:0], &w.res.Scan, &f, key, in.Now())
			if err := in.Emit(w.event); err != nil {
				return err
			}
		}
		w.issues.drop()
		return nil
	}
	w.issues.overflow = func() error {
		for w.issues.dec.PeekKind() != ']' {
			if err := held(); err != nil {
				return err
			}
			if err := w.issues.object(); err != nil {
				return err
			}
		}
		return nil
	}
	err := d.issues(func() error {
		if err := w.issues.read(); err != nil {
			return err
		}
		return held()
	})
	if err != nil {
		return err
	}
	return in.Emit(securityevent.AppendCoverage(w.event[:0], &w.res.Scan, nil, key, in.Now()))
}
