package runecast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
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

// Info reads version and definitions. It is optional: an appliance whose API
// does not offer it (it moved from /rc2 to /rca) gives the zero value.
func (c *Client) Info(ctx context.Context) Info {
	for _, root := range []string{"/rca", "/rc2"} {
		var doc struct {
			RCAInstances []struct {
				Info struct {
					InstanceUUID           loose `json:"instanceUuid"`
					LongApplicationVersion loose `json:"longApplicationVersion"`
					DefinitionsVersion     loose `json:"definitionsVersion"`
				} `json:"rcaInstanceInfo"`
			} `json:"rcaInstances"`
		}
		if c.small(ctx, root+"/api/v2/rca-instances?localOnly=false", &doc) != nil || len(doc.RCAInstances) == 0 {
			continue
		}
		info := doc.RCAInstances[0].Info
		return Info{InstanceUUID: string(info.InstanceUUID), Version: string(info.LongApplicationVersion), Definitions: string(info.DefinitionsVersion)}
	}
	return Info{}
}

// small decodes a document of limited size.
func (c *Client) small(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	var whole strings.Builder
	if err := copyDocument(&whole, io.LimitReader(body, maxSmall)); err != nil {
		return c.readError(ctx, err)
	}
	err = json.Unmarshal([]byte(whole.String()), into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return c.at(&fault.Error{Class: fault.Reject, What: "the answer to GET " + path + " has another shape than known", Err: memberOf(err), Cure: otherService})
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

func firstOf[T ~string](texts ...T) T {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
