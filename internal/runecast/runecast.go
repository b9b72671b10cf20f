package runecast

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

// Generations of the API.
const (
	V1 = "v1"
	V2 = "v2"
)

// maxSmall bounds the documents that are decoded at once: the lists of systems
// and of analyzers.
const maxSmall = 8 << 20

// System is a connected system as the appliance lists it.
type System struct {
	ID string
	// Name is a vCenter's address or what v2 shows, else what its results call
	// it, else the id.
	Name string
	// Type is one of the Type constants, by evidence.
	Type string
	// Scan is its last analysis.
	Scan Scan
}

// Info is what an appliance says about itself; empty where it says nothing.
type Info struct {
	InstanceUUID string
	Version      string
	Definitions  string
}

// DecodeInfo reads v2's list of analyzers, of which the first describes the
// appliance itself. An empty list gives the zero value.
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

// VCenter is an entry of v1's list of vCenters.
type VCenter struct {
	UID string
	// Address is its name in the network; empty if the appliance names none.
	Address string
}

// DecodeVCenters reads v1's list of vCenters.
func DecodeVCenters(r io.Reader) ([]VCenter, error) {
	var doc struct {
		VCenters []struct {
			UID     text  `json:"uid"`
			Address loose `json:"address"`
		} `json:"vcenters"`
	}
	err := small(r, &doc)
	var list []VCenter
	for _, v := range doc.VCenters {
		list = append(list, VCenter{string(v.UID), string(v.Address)})
	}
	return list, err
}

// Ecosystem is an entry of v2's list of systems.
type Ecosystem struct {
	ID string
	// Name is what the appliance shows; may be empty.
	Name string
	// Type is one of the Type constants; empty if the appliance names none that is known.
	Type string
}

// DecodeEcosystems reads v2's list of systems. A document without one is an error.
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

// small decodes a document of limited size.
func small(r io.Reader, into any) error {
	var whole strings.Builder
	if err := CopyDocument(&whole, io.LimitReader(r, maxSmall)); err != nil {
		return err
	}
	err := json.Unmarshal([]byte(whole.String()), into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return &fault.Error{Class: fault.Reject, What: "the answer has another shape than known", Err: memberOf(err), Cure: otherService}
	}
	return nil
}

// memberOf keeps the place of a decoding error: its text could quote the document.
func memberOf(err error) error {
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("at %s", s.JSONPointer)
	}
	return position(err)
}

// text is a string or a number, which appliances mix for identifiers; null is empty.
type text string

// UnmarshalJSONFrom reads any scalar.
func (t *text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case '"', '0':
		*t = text(tok.String())
	case 'n':
		*t = ""
	default:
		return errors.New("neither text nor number")
	}
	return nil
}

// loose is a text that nothing depends on: any value that is no string and no
// number is empty.
type loose string

// UnmarshalJSONFrom reads any value.
func (l *loose) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '"', '0':
		return (*text)(l).UnmarshalJSONFrom(dec)
	}
	*l = ""
	return dec.SkipValue()
}
