package mapping

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

const (
	// maxCatalog bounds what a catalogue takes in memory, in bytes.
	maxCatalog = 14 << 20
	// maxLongTexts is the size of a catalogue in memory, in bytes, up to which the texts
	// of checks and fixes are kept: 30,000 rules, of which every fifth has both, take less.
	maxLongTexts = 11 << 20
	// catalogBlock is the size of a block of memory for texts, in bytes. A full block is
	// never copied.
	catalogBlock = 256 << 10
	// catalogIndex is what the index takes for a rule in addition to its id, in bytes.
	catalogIndex = 64
	// maxCatalogID bounds the id of a rule, which is a number in known appliances.
	maxCatalogID = 256
)

// Catalog holds what the appliance's catalogue says of rules beyond the results, in at
// most 16 MiB of memory. A nil Catalog is an empty one.
type Catalog struct {
	blocks  [][]byte
	entries map[string]span // by the rule's id
	size    int             // in memory, in bytes
}

// span is the range of a block in which the texts of a rule are. Each text is a byte
// with its index in catalogMembers, its length as a varint, and its bytes.
type span struct{ block, from, to uint32 }

// catalogMember is a member of a catalogue's rule that is shown.
type catalogMember struct {
	name  string // the appliance's name of it, in any case of letters
	shown string // the name for people
	max   int    // length at which the text is cut, in characters
	long  bool   // left out of a catalogue that is too large
}

// Indexes in catalogMembers.
const (
	ofSTIG          = 0
	ofVulnerability = 1
	ofSection       = 2
	ofCheck         = 4
	ofFix           = 5
)

func catalogMembers() []catalogMember {
	return []catalogMember{
		{name: "stigid", shown: "STIG ID", max: 64},
		{name: "vulnid", shown: "Vulnerability ID", max: 64},
		{name: "stigSection", shown: "Section", max: 128},
		{name: "affects", shown: "Affects", max: 64},
		{name: "checkDescription", shown: "Check", max: 512, long: true},
		{name: "fixDescription", shown: "Fix", max: 512, long: true},
		{name: "annotation", shown: "Note", max: 256},
		{name: "updatedDate", shown: "Updated", max: 32},
	}
}

// ReadCatalog reads a catalogue ({"issues":[…]}). Members of unexpected types are
// skipped, and texts are cut; of several entries with one id the first counts. Beyond
// 11 MiB in memory the texts of checks and fixes are left out, beyond 14 MiB whole
// rules. A catalogue that is cut or not JSON is a fault of class Reject.
func ReadCatalog(r io.Reader) (*Catalog, error) {
	c := &Catalog{entries: map[string]span{}}
	reader := catalogReader{Walker: runecast.NewWalker(r), members: catalogMembers()}
	err := reader.Members(func(name []byte) error {
		if string(name) != "issues" {
			return reader.Skip()
		}
		return reader.Elements(func() error {
			id, err := reader.read()
			if err == nil {
				c.keep(id, &reader)
			}
			return err
		})
	})
	if err = archive.Malformed(err); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	return c, nil
}

// catalogReader reads rules one by one into the same memory.
type catalogReader struct {
	runecast.Walker
	members []catalogMember
	text    []byte
	found   [][]byte // the text of each member
	entry   []byte
}

// read reads the next rule into found, and returns its id.
func (r *catalogReader) read() (id string, err error) {
	r.text, r.found = r.text[:0], append(r.found[:0], make([][]byte, len(r.members))...)
	err = r.Members(func(name []byte) (err error) {
		if bytes.EqualFold(name, []byte("id")) {
			id, err = r.Text()
			return err
		}
		for i, m := range r.members {
			if bytes.EqualFold(name, []byte(m.name)) {
				begin := len(r.text)
				r.text, err = r.AppendText(r.text)
				r.found[i] = r.text[begin:]
				return err
			}
		}
		return r.Skip()
	})
	return id, err
}

// keep adds the rule that was read last to the catalogue, as far as there is room.
func (c *Catalog) keep(id string, r *catalogReader) {
	if _, again := c.entries[id]; again || id == "" || len(id) > maxCatalogID || c.size > maxCatalog {
		return
	}
	entry := r.entry[:0]
	for i, m := range r.members {
		text := cut(bytes.TrimSpace(r.found[i]), m.max)
		if len(text) == 0 || m.long && c.size > maxLongTexts {
			continue
		}
		entry = binary.AppendUvarint(append(entry, byte(i)), uint64(len(text)))
		entry = append(entry, text...)
	}
	r.entry = entry
	if len(entry) == 0 {
		return
	}
	last := len(c.blocks) - 1
	if last < 0 || len(c.blocks[last])+len(entry) > catalogBlock {
		c.blocks = append(c.blocks, make([]byte, 0, catalogBlock))
		c.size += catalogBlock
		last++
	}
	from := len(c.blocks[last])
	c.blocks[last] = append(c.blocks[last], entry...)
	c.entries[id] = span{uint32(last), uint32(from), uint32(from + len(entry))}
	c.size += catalogIndex + len(id)
}

// of returns the texts of a rule by their index in catalogMembers, of which there are
// places.
func (c *Catalog) of(id string, places int) [][]byte {
	texts := make([][]byte, places)
	if c == nil {
		return texts
	}
	e := c.entries[id]
	for from, to := e.from, e.to; from < to; {
		block := c.blocks[e.block]
		length, n := binary.Uvarint(block[from+1:])
		begin := from + 1 + uint32(n)
		texts[block[from]] = block[begin : begin+uint32(length)]
		from = begin + uint32(length)
	}
	return texts
}

// describe adds to a rule what the catalogue and the issue itself say about it: its
// metadata, its place in the standard, its description and remediation, and the reason
// of its status. With LeanFields the metadata leave out an id that is the rule's id.
func (c *Catalog) describe(rule *securityevent.Rule, h *runecast.Issue, sent *Settings) {
	shown := catalogMembers()
	texts := c.of(h.ID, len(shown))
	b := []byte{','}
	if sent.Fields != securityevent.LeanFields || h.ShownID() != rule.RuleID {
		b = quoted(append(b, `,"Runecast ID":`...), h.ShownID(), 256)
	}
	if h.AppliesTo != "" {
		b = quoted(append(b, `,"Layer":`...), h.AppliesTo, 128)
	}
	if len(h.Products) > 0 {
		b = quoted(append(b, `,"Products":`...), strings.Join(h.Products, ", "), 512)
	}
	if h.URL != "" {
		b = quoted(append(b, `,"Reference":`...), h.URL, 1024)
	}
	for i, text := range texts {
		if len(text) > 0 {
			b = append(append(append(b, `,"`...), shown[i].shown...), `":`...)
			b = quoted(b, string(text), shown[i].max)
		}
	}
	if b = append(b, '}'); len(b) > len(`,}`) {
		b[1] = '{' // in place of the first comma
		rule.MetadataJSON = string(b[1:])
	}
	rule.Control = controlOf(texts)
	rule.Description, rule.Remediation = sent.RuleTexts.of(texts[ofCheck]), sent.RuleTexts.of(texts[ofFix])
	rule.Reason = reasonOf(h.Status)
}

// controlOf returns the place of a rule in its standard: the STIG id, else the
// vulnerability's id, else a section's number such as 4.5.2; empty: it is not known. A
// section that is a word, such as CAT II, is a severity and no place.
func controlOf(texts [][]byte) string {
	switch section := texts[ofSection]; {
	case len(texts[ofSTIG]) > 0:
		return string(texts[ofSTIG])
	case len(texts[ofVulnerability]) > 0:
		return string(texts[ofVulnerability])
	case len(section) > 0 && '0' <= section[0] && section[0] <= '9':
		return string(section)
	}
	return ""
}

// quoted appends a text as a JSON string, cut after so many characters.
func quoted(dst []byte, text string, characters int) []byte {
	dst, _ = jsontext.AppendQuote(dst, cut([]byte(text), characters))
	return dst
}
