package archive

import "strings"

// Directory knows the systems of the archive by their commit registers. It says
// whose a scan is, and which systems a name means.
type Directory struct {
	// registers by the hash of the system's id in the keys of raw objects.
	registers map[string]*Register
	// handMade has, by raw key, the hash of the one system whose register names
	// it: a hand-made document of one system may not name it. Empty: of several.
	handMade map[string]string
}

// NewDirectory makes a directory of registers. Those that name no scan, because
// they were never written, are left out.
func NewDirectory(registers []*Register) *Directory {
	d := &Directory{registers: map[string]*Register{}, handMade: map[string]string{}}
	for _, r := range registers {
		if r.ScanID == "" {
			continue
		}
		hash := r.System.Label().Hash
		d.registers[hash] = r
		if _, several := d.handMade[r.RawKey]; several {
			hash = ""
		}
		d.handMade[r.RawKey] = hash
	}
	return d
}

// Owner is the system that a scan belongs to, as far as it is known.
type Owner struct {
	// Hash is of the system's id, as in the keys of raw objects; empty: not known.
	Hash string
	// System is how its register names it, else the scan; at least its Name is
	// set where anything is known.
	System System
	// Register is the system's commit register; nil: it was never committed.
	Register *Register
}

// Owners returns the systems that have a register, in no order.
func (d *Directory) Owners() []Owner {
	all := make([]Owner, 0, len(d.registers))
	for hash, r := range d.registers {
		all = append(all, Owner{Hash: hash, System: r.System, Register: r})
	}
	return all
}

// Owner returns whose a scan in a raw object is. named is what the delivery
// document says of its system; zero: nothing.
func (d *Directory) Owner(key string, named System) Owner {
	o := d.named(key, named)
	if r := d.registers[o.Hash]; r != nil {
		o.System, o.Register = r.System, r
	}
	return o
}

func (d *Directory) named(key string, named System) Owner {
	if named != (System{}) { // one of several in the document
		return Owner{Hash: named.Label().Hash, System: named}
	}
	if label, ok := RawLabel(key); ok {
		return Owner{Hash: label.Hash, System: System{Name: label.Slug}}
	}
	if hash := d.handMade[key]; hash != "" {
		return Owner{Hash: hash}
	}
	if s, ok := HandMadeSystem(key); ok {
		return Owner{Hash: s.Label().Hash, System: s}
	}
	return Owner{}
}

// Named says which systems a name or an id means.
type Named struct {
	directory *Directory
	text      string
	// hashes are of the systems' ids.
	hashes map[string]bool
	// registered: a register has that id or that name, so that no other system
	// with a register is meant.
	registered bool
}

// Named returns the systems that a name or an id means: the one that has it as
// its id, else those that their registers call so, in upper or lower case, and
// those without a register that a raw object calls so.
func (d *Directory) Named(nameOrID string) *Named {
	hash := System{ID: nameOrID}.Label().Hash
	n := &Named{directory: d, text: nameOrID, hashes: map[string]bool{hash: true}, registered: d.registers[hash] != nil}
	if n.registered {
		return n
	}
	for hash, r := range d.registers {
		if strings.EqualFold(r.System.Name, nameOrID) {
			n.hashes[hash], n.registered = true, true
		}
	}
	return n
}

// Means reports whether a system is meant, as an envelope or a delivery names it.
func (n *Named) Means(s System) bool {
	hash := s.Label().Hash
	return n.hashes[hash] || !n.hasOtherName(hash) && strings.EqualFold(s.Name, n.text)
}

// MeansKey reports whether the system of a raw object is meant, judged by its
// key. If that is not certain, the object's envelope decides: keys hold a hash of
// the system's id, but of its name only what is left of its first 40 characters.
func (n *Named) MeansKey(key string) (means, certain bool) {
	label, ok := RawLabel(key)
	switch {
	case !ok:
		return false, false
	case n.hashes[label.Hash]:
		return true, true
	case n.hasOtherName(label.Hash), label.Slug != slug(n.text):
		return false, true
	}
	return true, false
}

// MeansHandMade is MeansKey for a hand-made document that does not name its
// system itself: the register that names its key decides, else its folder.
func (n *Named) MeansHandMade(key string) bool {
	if hash := n.directory.handMade[key]; hash != "" {
		return n.hashes[hash]
	}
	s, ok := HandMadeSystem(key)
	return ok && n.Means(s)
}

// hasOtherName reports whether a register calls the system by another name while
// the text is that of a registered one.
func (n *Named) hasOtherName(hash string) bool {
	return n.registered && n.directory.registers[hash] != nil && !n.hashes[hash]
}

// Owner returns the one system that is meant, as its register names it; else one
// that has but the text as its name.
func (n *Named) Owner() Owner {
	var found []Owner
	for hash := range n.hashes {
		if r := n.directory.registers[hash]; r != nil {
			found = append(found, Owner{Hash: hash, System: r.System, Register: r})
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return Owner{Hash: System{ID: n.text}.Label().Hash, System: System{Name: n.text}}
}
