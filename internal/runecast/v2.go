package runecast

import (
	"cmp"
	"io"
	"strings"

	"runecast-ingest/internal/fault"
)

// summary lists the members in which v2 sums up a scan, in the order of Scan.Found.
var summary = []string{"foundCriticalIssuesCount", "foundMajorIssuesCount", "foundMediumIssuesCount", "foundLowIssuesCount", "foundVulnerabilitiesCount"}

// ReadV2 reads a v2 config-scans/latest document of the system id and calls
// visit for it, as the only element. WriteTo copies the whole body, with the white
// space around it, and succeeds only if the document and the stream ended as they
// should. Errors are as those of ReadV1.
func ReadV2(r io.Reader, id string, visit func(*Element) error) error {
	return newResults(r, chunkSize).v2(id, visit)
}

func (r *results) v2(id string, visit func(*Element) error) error {
	e := &Element{ID: id, Index: -1, r: r}
	e.step = e.v2
	e.Scan.Found = found(nil)
	r.begin(0, &limited{buf: &e.head, most: maxHead, what: "the white space before the results"})
	defer e.release()
	return r.explain(e.whole(visit))
}

// whole shows the element to visit and reads it to its end.
func (e *Element) whole(visit func(*Element) error) error {
	r := e.r
	if r.PeekKind() == '{' {
		if err := r.visit(e, visit); err != nil {
			return err
		}
		if !e.taken {
			r.redirect(nil) // visit did not copy it
		}
		if err := e.finish(); err != nil {
			return err
		}
	} else if err := r.Skip(); err != nil {
		return err
	}
	if !e.known {
		return &fault.Error{Class: fault.Reject, What: "the answer is JSON but no result of a scan", Cure: otherService}
	}
	return nil
}

// v2 reads a whole document, which has one element only.
func (e *Element) v2() error {
	err := e.r.Members(func(name []byte) error {
		switch string(name) {
		case "createdTs":
			e.known = true
			return e.timestamp()
		case "configScanResultSummary":
			return e.summary()
		case "scannedIssues":
			e.known = true
			return e.r.Elements(e.issueIfCopied)
		case "status", "scanStatus": // it is not proven that an appliance sends either
			return e.status()
		}
		return e.r.Skip()
	})
	if err != nil {
		return err
	}
	if err := e.r.End(); err != nil {
		return err
	}
	e.Scan.Rules, e.ended = e.Assessment.Rules, true
	return nil
}

// issueIfCopied reads one issue, unless the copy has failed. Then it returns the
// sink's error: the document has no other element to read on for.
func (e *Element) issueIfCopied() error {
	if err := e.r.sinkErr; err != nil {
		return err
	}
	return e.issue()
}

// status reads the scan's status, which may be a word, or an object as in v1.
func (e *Element) status() error {
	if e.r.PeekKind() == '{' {
		return e.r.Members(func(name []byte) (err error) {
			if string(name) != "status" {
				return e.r.Skip()
			}
			e.Scan.Status, err = e.r.Text()
			return err
		})
	}
	text, err := e.r.Text()
	e.Scan.Status = text
	return err
}

func (e *Element) summary() error {
	counts := make(map[string]string)
	err := e.r.Members(func(name []byte) error {
		for _, known := range summary {
			if string(name) == known {
				text, err := e.r.Text()
				counts[known] = text
				return err
			}
		}
		return e.r.Skip()
	})
	e.Scan.Found = found(counts)
	return err
}

// found returns the text of Scan.Found, with a hyphen for a count that is missing.
func found(counts map[string]string) string {
	list := make([]string, len(summary))
	for i, name := range summary {
		list[i] = cmp.Or(counts[name], "-")
	}
	return strings.Join(list, "/")
}

// DecodeInfo reads v2's list of analyzers, of at most 8 MiB. Its first entry
// describes the appliance itself. An empty list gives the zero value.
func DecodeInfo(r io.Reader) (Info, error) {
	var doc struct {
		RCAInstances []struct {
			Info struct {
				InstanceUUID           loose `json:"instanceUuid"`
				LongApplicationVersion loose `json:"longApplicationVersion"`
				DefinitionsVersion     loose `json:"definitionsVersion"`
			} `json:"rcaInstanceInfo"`
		} `json:"rcaInstances"`
	}
	if err := small(r, &doc); err != nil || len(doc.RCAInstances) == 0 {
		return Info{}, err
	}
	info := doc.RCAInstances[0].Info
	return Info{InstanceUUID: string(info.InstanceUUID), Version: string(info.LongApplicationVersion), Definitions: string(info.DefinitionsVersion)}, nil
}

// Ecosystem is an entry of v2's list of systems.
type Ecosystem struct {
	ID string
	// Name is the name that the appliance shows; may be empty.
	Name string
	// Type is one of the Type constants; empty if the appliance names none that is known.
	Type string
}

// DecodeEcosystems reads v2's list of systems, of at most 8 MiB. A document without
// a list is an error, as is one that is cut or not JSON.
func DecodeEcosystems(r io.Reader) ([]Ecosystem, error) {
	var doc struct {
		Ecosystems *[]struct {
			ID       text  `json:"id"`
			ViewName loose `json:"viewName"`
			// The name of the member with the type is not public.
			Type          loose `json:"type"`
			EcosystemType loose `json:"ecosystemType"`
			SystemType    loose `json:"systemType"`
		} `json:"ecosystems"`
	}
	if err := small(r, &doc); err != nil {
		return nil, err
	}
	if doc.Ecosystems == nil {
		return nil, &fault.Error{Class: fault.Reject, What: "the answer lists no ecosystems", Cure: otherService}
	}
	var list []Ecosystem
	for _, e := range *doc.Ecosystems {
		list = append(list, Ecosystem{string(e.ID), string(e.ViewName), productType(string(cmp.Or(e.Type, e.EcosystemType, e.SystemType)))})
	}
	return list, nil
}
