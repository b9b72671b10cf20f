package runecast

import (
	"cmp"
	"io"
	"strings"

	"runecast-ingest/internal/fault"
)

// summary are the counts by which v2 sums up a scan, in the order of Scan.Found.
var summary = []string{"foundCriticalIssuesCount", "foundMajorIssuesCount", "foundMediumIssuesCount", "foundLowIssuesCount", "foundVulnerabilitiesCount"}

// ReadV2 reads a v2 config-scans/latest document of a system's id, as Split
// reads one of v1.
func ReadV2(r io.Reader, id string, visit func(*Element) error) error {
	return newWalker(r, chunkSize).latest(id, visit)
}

// latest reads a v2 config-scans/latest document and calls visit for it, as
// the only element. WriteTo copies the whole body, white space around it
// included, and succeeds only if the document and the stream came to their end.
func (w *walker) latest(id string, visit func(*Element) error) error {
	e := &Element{ID: id, Index: -1, w: w}
	e.step = e.v2
	e.Scan.Found = found(nil)
	w.tap.begin(0, &limited{buf: &e.head, most: maxHead, what: "the white space before the results"})
	defer e.release()
	if w.dec.PeekKind() != '{' {
		if err := w.skip(); err != nil {
			return err
		}
		return noScan()
	}
	if err := visit(e); err != nil {
		return err
	}
	if !e.taken {
		w.tap.redirect(nil) // nobody wants its bytes
	}
	if err := e.finish(); err != nil {
		return err
	}
	if !e.known {
		return noScan()
	}
	return nil
}

func noScan() error {
	return &fault.Error{Class: fault.Reject, What: "the answer is JSON but no result of a scan", Cure: otherService}
}

// v2 reads all of a document: there is nothing to stop for.
func (e *Element) v2() error {
	err := e.w.members(func(name []byte) error {
		switch string(name) {
		case "createdTs":
			e.known = true
			return e.timestamp()
		case "configScanResultSummary":
			return e.summary()
		case "scannedIssues":
			e.known = true
			return e.w.elements(e.wanted)
		case "status", "scanStatus": // not proven
			return e.status()
		}
		return e.w.skip()
	})
	if err != nil {
		return err
	}
	if err := e.w.end(); err != nil {
		return err
	}
	e.Scan.Checks, e.ended = e.Issues, true
	return nil
}

// wanted reads one check, unless the copy has failed: nothing else follows.
func (e *Element) wanted() error {
	if err := e.w.tap.sinkErr; err != nil {
		return err
	}
	return e.issue()
}

// status reads a word, or v1's object.
func (e *Element) status() error {
	if e.w.dec.PeekKind() == '{' {
		return e.w.members(func(name []byte) (err error) {
			if string(name) != "status" {
				return e.w.skip()
			}
			e.Scan.Status, err = e.w.text()
			return err
		})
	}
	text, err := e.w.text()
	e.Scan.Status = text
	return err
}

func (e *Element) summary() error {
	counts := make(map[string]string)
	err := e.w.members(func(name []byte) error {
		for _, known := range summary {
			if string(name) == known {
				text, err := e.w.text()
				counts[known] = text
				return err
			}
		}
		return e.w.skip()
	})
	e.Scan.Found = found(counts)
	return err
}

func found(counts map[string]string) string {
	list := make([]string, len(summary))
	for i, name := range summary {
		list[i] = cmp.Or(counts[name], "-")
	}
	return strings.Join(list, "/")
}
