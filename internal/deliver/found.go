package deliver

import (
	"context"
	"slices"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// maxFound is how old a read of the register may be for the commit point to use it:
// longer than a small object takes. An older one would be as safe, since the write of
// the commit is refused if the register was written or deleted in between. But what
// became of its commits meanwhile would not be known: see candidateAgain.
const maxFound = 5 * time.Second

// foundRegister is the register of a scan's system as it was read at a time, with
// what became of its commits.
type foundRegister struct {
	candidate candidate
	register  store.Doc[archive.Register]
	at        time.Time
}

// foundNow keeps what was just read of a register.
func (d *delivery) foundNow(c *candidate, reg *store.Doc[archive.Register]) *foundRegister {
	kept := &foundRegister{candidate: *c, register: *reg, at: d.o.Now()}
	kept.candidate.commits = slices.Clone(c.commits)
	return kept
}

// candidateAgain returns what the delivery read of the register when it began, if
// that was a moment ago, and reads it otherwise. It is used once: what follows a
// conflict is read anew. What has become since of the commits in the register is not
// known then, so that more of them may seem to count than do.
func (d *delivery) candidateAgain(ctx context.Context, s *scan) (*candidate, store.Doc[archive.Register], error) {
	f := s.found
	s.found = nil
	if f == nil || d.o.Now().Sub(f.at).Abs() > maxFound {
		return d.candidate(ctx, s)
	}
	c := f.candidate
	c.recorded = s.Scan
	if !f.register.Exists() { // the delivery documents are asked, and as they are now
		c.documents = map[string]*archive.Delivery{d.key: &d.doc.Value}
	}
	return &c, f.register, nil
}
