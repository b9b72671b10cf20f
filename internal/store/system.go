package store

import (
	"context"
	"errors"
	"iter"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
)

// Directory reads the commit registers of all systems. Registers that cannot be
// read are left out. An error is that of the listing.
func (s *Store) Directory(ctx context.Context) (*archive.Directory, error) {
	registers, err := s.Registers(ctx)
	if err != nil {
		return nil, err
	}
	return DirectoryOf(registers), nil
}

// DirectoryOf returns a directory of the registers that could be read.
func DirectoryOf(all []Committed) *archive.Directory {
	var readable []*archive.Register
	for i := range all {
		if all[i].Err == nil {
			readable = append(readable, &all[i].Register)
		}
	}
	return archive.NewDirectory(readable)
}

// OfSystem returns those of the listed objects that are of a system; nil: all. For most
// analyses the key decides. If the label in a key leaves it open, the envelope of one
// object with this label is read. For each hand-made object the delivery document and
// the envelope are read. An error ends the list; an error of objects is passed on with
// the object beside it.
func (s *Store) OfSystem(ctx context.Context, system *archive.Named, objects iter.Seq2[archive.RawInfo, error]) iter.Seq2[archive.RawInfo, error] {
	if system == nil {
		return objects
	}
	return func(yield func(archive.RawInfo, error) bool) {
		f := systemFilter{s: s, system: system, settled: map[archive.Label]bool{}}
		for info, err := range objects {
			means := false
			if err == nil {
				means, err = f.means(ctx, info)
			}
			if (means || err != nil) && !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// systemFilter finds the raw objects of a system.
type systemFilter struct {
	s      *Store
	system *archive.Named
	// settled says whether the objects of a label are of the system, as one envelope has
	// settled it: all objects of one label are of one system.
	settled map[archive.Label]bool
}

// means reports whether an object is of the system. If the key leaves it open and the
// envelope cannot be read, the object counts as the system's: damage must not hide it.
func (f *systemFilter) means(ctx context.Context, info archive.RawInfo) (bool, error) {
	label, ok := archive.RawLabel(info.Key)
	if !ok {
		return f.meansHandMade(ctx, info)
	}
	means, certain := f.system.MeansKey(info.Key)
	if certain {
		return means, nil
	}
	if means, known := f.settled[label]; known {
		return means, nil
	}
	system, named, err := f.s.named(ctx, info)
	if err != nil {
		return false, err
	}
	f.settled[label] = !named || f.system.Means(system)
	return f.settled[label], nil
}

// meansHandMade reports whether a hand-made document is of the system. It decides by the
// scans in the delivery document, if there are several, then by the envelope, then by the
// key. So a document of several systems that was never delivered counts only by its key.
func (f *systemFilter) meansHandMade(ctx context.Context, info archive.RawInfo) (bool, error) {
	doc, err := f.s.Delivery(ctx, info.Key)
	if err != nil && fault.ClassOf(err) != fault.Reject {
		return false, err
	}
	if scans := doc.Value.Scans; err == nil && doc.Value.ETag == info.ETag && len(scans) > 0 {
		for i := range scans {
			if f.system.Means(scans[i].System) {
				return true, nil
			}
		}
		return false, nil
	}
	system, named, err := f.s.named(ctx, info)
	if err != nil || named {
		return named && f.system.Means(system), err
	}
	return f.system.MeansHandMade(info.Key), nil
}

// named returns the system in an object's envelope. False: the object has no
// envelope that can be read, or is not there any more, or was replaced.
func (s *Store) named(ctx context.Context, info archive.RawInfo) (archive.System, bool, error) {
	body, err := s.Open(ctx, info)
	if err == nil {
		defer body.Close()
		var raw *archive.RawReader
		if raw, err = archive.ReadRaw(body); err == nil {
			return raw.System, true, nil
		}
	}
	if fault.ClassOf(err) == fault.Reject || errors.Is(err, ErrMissing) || errors.Is(err, ErrChanged) {
		return archive.System{}, false, nil
	}
	return archive.System{}, false, err
}
