package report

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// node is an element of a page, or a text, which has no name.
type node struct {
	name, said string
	attributes map[string]string
	children   []*node
}

// parsed reads a page as XML, in which every element has to end and every attribute
// to be quoted. It fails the test if the page is not XML.
func parsed(t *testing.T, page string) *node {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	root := &node{name: "document"}
	open := []*node{root}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		parent := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := n.attributes[a.Name.Local]; twice {
					t.Errorf("<%s> has two %s", n.name, a.Name.Local)
				}
				n.attributes[a.Name.Local] = a.Value
			}
			parent.children = append(parent.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			parent.children = append(parent.children, &node{said: string(token)})
		case xml.Comment:
			t.Errorf("a comment: %s", token)
		}
	}
}

// each returns the node and all below it, in the order of the page.
func (n *node) each(yield func(*node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, c := range n.children {
		if !c.each(yield) {
			return false
		}
	}
	return true
}

// all returns the elements of a name, "" for any, that have a class, "" for any.
func (n *node) all(name, class string) []*node {
	var found []*node
	n.each(func(e *node) bool {
		named := e.name != "" && (name == "" || e.name == name)
		if named && (class == "" || slices.Contains(strings.Fields(e.attributes["class"]), class)) {
			found = append(found, e)
		}
		return true
	})
	return found
}

// byID returns the element of an id, and fails the test if it is not there.
func (n *node) byID(t *testing.T, id string) *node {
	t.Helper()
	for _, e := range n.all("", "") {
		if e.attributes["id"] == id {
			return e
		}
	}
	t.Fatalf("no element %s", id)
	return nil
}

// text is what the node says, with single spaces; styles say nothing.
func (n *node) text() string {
	var parts []string
	n.each(func(e *node) bool {
		parts = append(parts, e.said)
		return true
	})
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// rows returns the texts of the cells of the table below the node, head first.
func (n *node) rows() [][]string {
	var rows [][]string
	for _, tr := range n.all("tr", "") {
		var cells []string
		for _, cell := range tr.children {
			if cell.name != "" {
				cells = append(cells, cell.text())
			}
		}
		rows = append(rows, cells)
	}
	return rows
}
