package archive

import "strings"

// Directory knows the systems of the archive by their registers. It tells to which
// system a scan belongs, and which systems a name means.
type Directory struct {
	// registers holds the registers by the hash of the system's id in raw keys.
	registers map[string]*Register
	// handMade holds, by raw key, the hash of the system whose register names that
	// key, since a hand-made document may not name its system. The hash is empty if
	// the registers of several systems name the key.
	handMade map[string]string
}

// NewDirectory makes a directory of registers. A register that names no scan,
// because it was never written, is left out.
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
	// Hash is that of the system's id, as in the keys of raw objects; empty: the
	// system is not known.
	Hash string
	// System is what the system's register says, else what the scan or its key says;
	// if anything is known, at least Name is set. Zero: nothing is known.
	System System
	// Register is the system's register; nil: no scan of the system is committed.
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

// Owner returns the system to which a scan in the raw object at key belongs. named
// is what the delivery document says of the system; zero: nothing.
func (d *Directory) Owner(key string, named System) Owner {
	o := d.named(key, named)
	if r := d.registers[o.Hash]; r != nil {
		o.System, o.Register = r.System, r
	}
	return o
}

// named returns the owner without its register.
func (d *Directory) named(key string, named System) Owner {
	if named != (System{}) { // the delivery document of a hand-made document names it
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

// Named is the set of systems that a name or an id means.
type Named struct {
	directory *Directory
	text      string // the name or id
	// hashes are those of the ids of the systems that are known to be meant.
	hashes map[string]bool
	// registered: a register has that id or that name, so that no other system
	// with a register is meant.
	registered bool
}

// Named returns the systems that a name or an id means: the system with that id;
// else the systems whose registers have that name, in any case of letters, and the
// systems without a register whose raw objects have it.
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

// MeansKey reports whether the system of a raw object is meant, as far as the
// object's key tells. If that is not certain, the object's envelope decides: a key
// has a hash of the system's id, but only the readable part of its name.
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

// MeansHandMade reports whether the system of a hand-made document is meant that
// does not name its system: the register that names the document's key decides,
// else the document's folder.
func (n *Named) MeansHandMade(key string) bool {
	if hash := n.directory.handMade[key]; hash != "" {
		return n.hashes[hash]
	}
	s, ok := HandMadeSystem(key)
	return ok && n.Means(s)
}

// hasOtherName reports whether the system has a register without that name or id,
// while another system's register has it.
func (n *Named) hasOtherName(hash string) bool {
	return n.registered && n.directory.registers[hash] != nil && !n.hashes[hash]
}

// Owner returns the system that is meant, as its register names it. If no register
// has the name, or several have it, it returns a system with the text as its name.
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
