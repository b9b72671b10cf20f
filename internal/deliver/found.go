package deliver

import (
	"context"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// maxFound is how old a read of the register may be for the commit point to use it. A
// small object is delivered within that time. An older read would be as safe, since the
// write of the commit is refused if the register was written or deleted in between. But
// it would not be known which of the register's commits have failed or are shown since:
// see candidateAgain.
const maxFound = 5 * time.Second

// foundRegister is the register of a scan's system as it was read at a time, with the
// commits that counted then.
type foundRegister struct {
	candidate candidate
	register  store.Doc[archive.Register]
	at        time.Time
}

// foundNow returns what was just read of a register, with the present time.
func (d *delivery) foundNow(c *candidate, reg *store.Doc[archive.Register]) *foundRegister {
	kept := &foundRegister{candidate: *c, register: *reg, at: d.o.Now()}
	kept.candidate.commits = slices.Clone(c.commits)
	return kept
}

// candidateAgain returns what the delivery read of the register when it began, if that
// is at most maxFound old, and reads the register otherwise. The earlier read is used
// only once: after a conflict the register is read again. Commits that have failed since
// the earlier read still count in it, and so may those before a scan that is shown since.
func (d *delivery) candidateAgain(ctx context.Context, s *scan) (*candidate, store.Doc[archive.Register], error) {
	f := s.found
	s.found = nil
	if f == nil || d.o.Now().Sub(f.at).Abs() > maxFound {
		return d.candidate(ctx, s)
	}
	c := f.candidate
	c.recorded = s.Scan
	if !f.register.Exists() { // the commit point asks the delivery documents: read them again
		c.documents = map[string]*archive.Delivery{d.key: &d.doc.Value}
	}
	return &c, f.register, nil
}
