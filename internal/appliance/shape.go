package appliance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"runecast-ingest/internal/runecast"
)

const (
	// maxRead bounds what is read of one document, in bytes: the shape of a list is
	// known long before its end.
	maxRead = 64 << 20
	// maxToken bounds one text, in bytes: the decoder holds it whole.
	maxToken = 16 << 20
	// maxNodes and maxDepth bound a shape.
	maxNodes = 1000
	maxDepth = 32
	// maxNames bounds the member names shown of one object: an object with more has
	// data as its names.
	maxNames = 64
)

// Words of a shape that stand for what is left out.
const (
	otherNames = "(other names)"
	tooDeep    = "(not shown)"
)

var (
	errEnough   = errors.New("read no further: the document is longer")
	errLongText = errors.New("a single text is too long")
	errCut      = errors.New("the document is cut")
	errNotJSON  = errors.New("not JSON")
)

// memberName matches a name that the author of an API may have given to a member. Any
// other name (an address, an identifier, a sentence) may be data used as a name.
var memberName = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,39}[0-9]{0,3}[A-Za-z_]{0,8}$`)

// Shape is a JSON document without its values: member names, types, lengths by
// class, counts. Only Reduce makes one; the zero value is written as null.
type Shape struct{ root *node }

// node is the union of all values seen at one place of a document.
type node struct {
	scalars  map[string]int64 // how many texts, numbers, booleans and nulls, by class
	members  map[string]*node // nil: no object seen
	arrays   int64            // how many arrays
	elements int64            // how many elements all arrays have together
	element  *node            // the union of all elements; nil: none seen
}

// Reduce reads one JSON document of any size in bounded memory, at most 64 MiB of it. It
// returns the document's shape, which holds no value of it, and how many bytes were
// read. With an error both are those of the part that was read. The error quotes nothing
// of the document.
func Reduce(r io.Reader) (Shape, int64, error) {
	return reduce(&meter{r: r, most: maxRead, text: maxToken})
}

func reduce(m *meter) (Shape, int64, error) {
	d := &reducer{Walker: runecast.NewWalker(m), meter: m}
	m.passed = d.InputOffset
	root := &node{}
	err := d.value(root, 0)
	return Shape{root}, m.read, d.explain(err)
}

// reducer walks one document.
type reducer struct {
	runecast.Walker
	meter *meter
	nodes int
}

// value reads the next value and adds it to a node; without a node it passes over it.
func (d *reducer) value(n *node, depth int) error {
	if n != nil && depth > maxDepth {
		n.scalar(tooDeep)
		n = nil
	}
	if n == nil {
		return d.Skip()
	}
	switch d.PeekKind() {
	case '{':
		return d.object(n, depth)
	case '[':
		return d.array(n, depth)
	}
	kind := d.PeekKind()
	text, err := d.AppendText(nil)
	if err != nil {
		return err
	}
	switch kind {
	case '"':
		n.scalar("string(" + lengthClass(utf8.RuneCount(text)) + ")")
	case '0':
		n.scalar("number")
	case 'n':
		n.scalar("null")
	default:
		n.scalar("boolean")
	}
	return nil
}

func (d *reducer) object(n *node, depth int) error {
	if n.members == nil {
		n.members = map[string]*node{}
	}
	return d.Members(func(name []byte) error { return d.value(d.member(n, string(name)), depth+1) })
}

func (d *reducer) array(n *node, depth int) error {
	n.arrays++
	return d.Elements(func() error {
		n.elements++
		if n.element == nil {
			n.element = d.node()
		}
		return d.value(n.element, depth+1)
	})
}

// member returns the node of a member; nil if there is no room for another node. A name
// that may be data, and names beyond maxNames, share one node.
func (d *reducer) member(n *node, name string) *node {
	if !memberName.MatchString(name) {
		name = otherNames
	}
	if m := n.members[name]; m != nil {
		return m
	}
	if len(n.members) >= maxNames {
		if name = otherNames; n.members[name] != nil {
			return n.members[name]
		}
	}
	m := d.node()
	if m != nil {
		n.members[name] = m
	}
	return m
}

// node returns a new node; nil if there is no room for another.
func (d *reducer) node() *node {
	if d.nodes >= maxNodes {
		return nil
	}
	d.nodes++
	return &node{}
}

// explain returns what an error of reading means: a document that ends too early, or one
// that is not JSON. Errors of the connection and of the bounds come back as they are.
func (d *reducer) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case d.meter.err != nil && !errors.Is(d.meter.err, io.EOF):
		return d.meter.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	return errNotJSON
}

func (n *node) scalar(class string) {
	if n.scalars == nil {
		n.scalars = map[string]int64{}
	}
	n.scalars[class]++
}

// lengthClass returns a range for the length of a text, wide enough that nobody can guess
// the text by it.
func lengthClass(runes int) string {
	switch {
	case runes == 0:
		return "0"
	case runes <= 16:
		return "1-16"
	case runes <= 64:
		return "17-64"
	case runes <= 256:
		return "65-256"
	case runes <= 4096:
		return "257-4096"
	}
	return "4097+"
}

// MarshalJSON writes an object as its members, an array as ["array ×<arrays> of
// <elements>", <union of the elements>], and anything else as a text. Several kinds at
// one place are written as ["any of", …]. The numbers count the values seen.
func (s Shape) MarshalJSON() ([]byte, error) {
	if s.root == nil {
		return []byte("null"), nil
	}
	return json.Marshal(s.root.render())
}

func (n *node) render() any {
	var kinds []any
	if len(n.scalars) > 0 {
		var classes []string
		for class, count := range n.scalars {
			classes = append(classes, fmt.Sprintf("%s ×%d", class, count))
		}
		slices.Sort(classes)
		kinds = append(kinds, strings.Join(classes, " | "))
	}
	if n.members != nil {
		members := make(map[string]any, len(n.members))
		for name, m := range n.members {
			members[name] = m.render()
		}
		kinds = append(kinds, members)
	}
	if n.arrays > 0 {
		array := []any{fmt.Sprintf("array ×%d of %d", n.arrays, n.elements)}
		if n.element != nil {
			array = append(array, n.element.render())
		}
		kinds = append(kinds, array)
	}
	switch len(kinds) {
	case 0:
		return tooDeep // the document ended within its value
	case 1:
		return kinds[0]
	}
	return append([]any{"any of"}, kinds...)
}

// meter counts what is read, and ends the reading at its bounds.
type meter struct {
	r          io.Reader
	most, text int64 // bytes of the document, and of a single text
	read       int64
	passed     func() int64 // offset of the last token's end
	err        error        // sticky
}

func (m *meter) Read(p []byte) (int, error) {
	switch {
	case m.err != nil:
	case m.read >= m.most:
		m.err = errEnough
	case m.read-m.passed() > m.text:
		m.err = errLongText
	default:
		var n int
		n, m.err = m.r.Read(p[:min(int64(len(p)), m.most-m.read)])
		m.read += int64(n)
		return n, m.err
	}
	return 0, m.err
}
