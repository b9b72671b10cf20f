package mapping

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxCatalogEntry bounds what is kept of one check, in bytes.
	maxCatalogEntry = 2 << 10
	// maxCatalog bounds what is kept of a catalogue, in bytes.
	maxCatalog = 16 << 20
)

// Catalog holds what the appliance's check catalogue says beyond the results,
// in one piece of memory. A nil Catalog knows nothing.
type Catalog struct {
	text    []byte
	entries map[string]span
}

type span struct{ from, to int }

// ReadCatalog reads a catalogue ({"issues":[…]}). It keeps at most 16 MiB;
// what goes beyond is left out.
func ReadCatalog(r io.Reader) (*Catalog, error) {
	c := &Catalog{entries: map[string]span{}}
	dec := newDecoder(r)
	err := members(dec, func(name []byte) error {
		if string(name) != `"issues"` {
			return dec.SkipValue()
		}
		return elements(dec, func() error { return c.entry(dec) })
	})
	if err = malformed(err); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	return c, nil
}

// checkMembers are the members of a catalogue's check that are shown, with the
// names they are shown under.
func checkMembers() [][2]string {
	return [][2]string{
		{`"stigid"`, "STIG ID"}, {`"vulnid"`, "Vulnerability ID"}, {`"stigSection"`, "Section"}, {`"affects"`, "Affects"},
		{`"checkDescription"`, "Check"}, {`"fixDescription"`, "Fix"}, {`"annotation"`, "Note"}, {`"updatedDate"`, "Updated"},
	}
}

func (c *Catalog) entry(dec *jsontext.Decoder) error {
	r := issueReader{dec: dec}
	var id string
	shown := checkMembers()
	found := make([]string, len(shown))
	err := members(dec, func(name []byte) (err error) {
		for i, m := range shown {
			if string(name) == m[0] {
				found[i], err = r.string()
				return err
			}
		}
		if string(name) == `"id"` {
			id, err = r.string()
			return err
		}
		return dec.SkipValue()
	})
	from := len(c.text)
	for i, v := range found {
		if v = strings.TrimSpace(v); v == "" || from >= maxCatalog {
			continue
		}
		c.text, _ = jsontext.AppendQuote(append(c.text, ','), shown[i][1])
		c.text, _ = jsontext.AppendQuote(append(c.text, ':'), cut([]byte(v), maxCatalogEntry/4))
	}
	if id != "" {
		c.entries[id] = span{from, len(c.text)}
	}
	return err
}

// metadata is compliance.rule.metadata_json and the control of a check: what
// the catalogue and the issue itself say about it.
func (c *Catalog) metadata(h *head) (text, control string) {
	b := []byte(`{"Runecast ID":`)
	b, _ = jsontext.AppendQuote(b, or(h.displayID, h.id))
	if h.appliesTo != "" {
		b, _ = jsontext.AppendQuote(append(b, `,"Layer":`...), h.appliesTo)
	}
	if len(h.products) > 0 {
		b, _ = jsontext.AppendQuote(append(b, `,"Products":`...), strings.Join(h.products, ", "))
	}
	if h.url != "" {
		b, _ = jsontext.AppendQuote(append(b, `,"Reference":`...), h.url)
	}
	if c != nil {
		e := c.entries[h.id]
		entry := c.text[e.from:e.to]
		b = append(b, entry...)
		control = controlOf(entry)
	}
	return string(append(b, '}')), control
}

// controlOf finds the id of the standard's own rule: the STIG id, else the vulnerability id.
func controlOf(entry []byte) string {
	if len(entry) == 0 {
		return ""
	}
	var m map[string]string
	if json.Unmarshal(append(append([]byte{'{'}, entry[1:]...), '}'), &m) != nil {
		return ""
	}
	return or(m["STIG ID"], m["Vulnerability ID"])
}
