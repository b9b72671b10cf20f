package archive

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RawSchema is the schema of a raw object.
const RawSchema = "runecast-raw/1"

// Envelope is what a raw object says before the appliance's own words.
type Envelope struct {
	Schema    string       `json:"schema"`
	Run       EnvelopeRun  `json:"run"`
	Appliance Appliance    `json:"appliance"`
	System    System       `json:"system"`
	Scan      EnvelopeScan `json:"scan"`
	// Catalog is the key of the check catalogue of that time; empty: none.
	Catalog string `json:"catalog"`
}

// EnvelopeRun is the analysis run that archived the object.
type EnvelopeRun struct {
	ID        string    `json:"id"`
	Trigger   string    `json:"trigger"`
	StartedAt time.Time `json:"startedAt"`
}

// Appliance is the Runecast Analyzer that the results are from.
type Appliance struct {
	URL string `json:"url"`
	// API is the generation that the result was read by: v1 or v2.
	API          string `json:"api"`
	InstanceUUID string `json:"instanceUuid"`
	Version      string `json:"version"`
	Definitions  string `json:"definitions"`
}

// EnvelopeScan is the scan's end as the appliance said it.
type EnvelopeScan struct {
	Status string `json:"status"`
	// CompletedAt is RFC 3339 where the appliance's text could be read as a
	// time, else its own text.
	CompletedAt string `json:"completedAt"`
}

// WriteHead writes the document up to and with `"result":`. The caller copies
// the appliance's bytes after it and closes the object with a brace.
func (e Envelope) WriteHead(w io.Writer) error {
	e.Schema = RawSchema
	head, err := json.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	head = append(bytes.TrimSuffix(head, []byte("}")), `,"result":`...)
	if _, err = w.Write(head); err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	return nil
}
