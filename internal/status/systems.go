package status

import (
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// owner is the system that a scan belongs to, as far as it can be told.
type owner struct {
	label  archive.Label
	system archive.System
	// committed: the system has a commit register.
	committed bool
}

// directory knows the systems by their commit registers.
type directory struct {
	// registers by the hash in the keys of raw objects.
	registers map[string]*archive.Register
	// keys has the hash of the one system for which a raw key is committed: a
	// hand-made document of one system does not name it. Empty: of several.
	keys map[string]string
}

func newDirectory(all []store.Committed) *directory {
	d := &directory{registers: map[string]*archive.Register{}, keys: map[string]string{}}
	for i := range all {
		r := &all[i].Register
		if all[i].Err != nil || r.ScanID == "" { // it cannot be read, or vanished
			continue
		}
		hash := archive.LabelOf(r.System.ID, r.System.Name).Hash
		d.registers[hash] = r
		if _, several := d.keys[r.RawKey]; several {
			hash = ""
		}
		d.keys[r.RawKey] = hash
	}
	return d
}

// of tells whose scan it is.
func (d *directory) of(key string, scan *archive.SystemScan) owner {
	o := d.named(key, scan)
	if r := d.registers[o.label.Hash]; r != nil {
		o.system, o.committed = r.System, true
	}
	return o
}

func (d *directory) named(key string, scan *archive.SystemScan) owner {
	if scan.System != (archive.System{}) { // one of several in the document
		return owner{label: archive.LabelOf(scan.System.ID, scan.System.Name), system: scan.System}
	}
	if label, ok := archive.RawLabel(key); ok {
		return owner{label: label, system: archive.System{Name: label.Slug}}
	}
	if hash := d.keys[key]; hash != "" {
		return owner{label: archive.Label{Hash: hash}}
	}
	if name, _, ok := strings.Cut(strings.TrimPrefix(key, archive.ManualPrefix), "/"); ok && strings.HasPrefix(key, archive.ManualPrefix) {
		s := archive.System{ID: "manual:" + name, Name: name}
		return owner{label: archive.LabelOf(s.ID, s.Name), system: s}
	}
	return owner{system: archive.System{Name: unnamed}}
}

// unnamed stands for the systems of documents that do not name them.
const unnamed = "(not named)"

// only gives the test for one system, by its id or else its name; without one
// all pass. A system that was never committed is known by what its keys show.
func (d *directory) only(system string) func(owner) bool {
	if system == "" {
		return func(owner) bool { return true }
	}
	label := archive.LabelOf(system, system)
	hashes := map[string]bool{label.Hash: true}
	if d.registers[label.Hash] == nil {
		for hash, r := range d.registers {
			if strings.EqualFold(r.System.Name, system) {
				hashes[hash] = true
			}
		}
	}
	return func(o owner) bool {
		return hashes[o.label.Hash] || !o.committed && (o.label.Slug == label.Slug || strings.EqualFold(o.system.Name, system))
	}
}
