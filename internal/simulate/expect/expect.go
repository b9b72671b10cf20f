// Package expect reads an appliance's own v1 results document and returns the
// tiles that the dashboard must show for it under the default configuration.
// It promises to be a second opinion: it shares no code with the mapping that
// it is compared with.
package expect

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/simulate/appliance"
)

// finished is the only scan status known to mean a complete scan.
const finished = "FINISHED_SUCCESSFULLY"

// Tiles returns the expected tiles of all systems in a v1 /results document, as
// TilesOf does. systems has the name and type of each system by its ID; a system
// that is not in it is named by its uid and has the type UNKNOWN.
func Tiles(results io.Reader, systems []appliance.System) (dashboard.Tiles, error) {
	listed := make(map[string]appliance.System, len(systems))
	for _, s := range systems {
		listed[s.ID] = s
	}
	return TilesOf(results, func(uid string) (appliance.System, bool) {
		if s, ok := listed[uid]; ok {
			return s, true
		}
		return appliance.System{ID: uid, Name: uid, Type: "UNKNOWN"}, true
	})
}

// TilesOf reads a v1 /results document, one issue at a time, and returns the
// expected tiles of the systems for which shown returns true, under the id, name
// and type that shown returns. A system whose scan did not finish, or that has no
// uid, is left out. Unknown, missing and repeated members are no error; a document
// that is cut off or is no JSON object is.
func TilesOf(results io.Reader, shown func(uid string) (appliance.System, bool)) (dashboard.Tiles, error) {
	r := reader{
		dec:   jsontext.NewDecoder(results, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		shown: shown,
	}
	if r.dec.PeekKind() != '{' {
		_, err := r.dec.ReadValue()
		return dashboard.Tiles{}, fmt.Errorf("read results: %w", errors.Join(errors.New("not a JSON object"), err))
	}
	if err := r.members(r.readDocument); err != nil {
		return dashboard.Tiles{}, fmt.Errorf("read results: %w", err)
	}
	return dashboard.Compute(r.events), nil
}

// reader reads the document, and turns its results into the events of one committed
// scan per system.
type reader struct {
	dec    *jsontext.Decoder
	shown  func(uid string) (appliance.System, bool)
	events []dashboard.Event
}

func (r *reader) readDocument(name string) error {
	if name != "results" {
		return r.dec.SkipValue()
	}
	return r.elements(r.readSystem)
}

// readSystem reads one element of results[]. Members may come in any order,
// so rows wait for the uid.
func (r *reader) readSystem() error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	var uid word
	var scan struct {
		Status word `json:"status"`
	}
	var rows []row
	err := r.members(func(name string) error {
		switch name {
		case "uid":
			return r.decode(&uid)
		case "scanStatus":
			return r.decode(&scan)
		case "issues":
			return r.elements(func() error {
				var found issue
				if err := r.decode(&found); err != nil {
					return err
				}
				rows = append(rows, found.rows()...)
				return nil
			})
		}
		return r.dec.SkipValue()
	})
	if err != nil {
		return fmt.Errorf("system %q: %w", uid, err)
	}
	if uid == "" || scan.Status != "" && scan.Status != finished {
		return nil
	}
	if system, ok := r.shown(string(uid)); ok {
		r.commit(system, rows)
	}
	return nil
}

// commit adds a system's rows and the scan event that makes them visible. The product
// does not commit a scan without rows; here that needs no exception, since such a
// scan changes no tile.
func (r *reader) commit(s appliance.System, rows []row) {
	scan := dashboard.NewText(s.ID)
	for _, row := range rows {
		e := row.on(s)
		e.Type, e.ScanID = dashboard.NewText(dashboard.TypeFinding), scan
		r.events = append(r.events, e)
	}
	r.events = append(r.events, dashboard.Event{
		Type: dashboard.NewText(dashboard.TypeScanCompleted), ScanID: scan, ObjectID: scan,
		ObjectName: dashboard.NewText(s.Name), ObjectType: dashboard.NewText(s.Type),
	})
}

func (r *reader) decode(into any) error {
	return json.UnmarshalDecode(r.dec, into)
}

// members calls read for each member of the object that comes next; read must
// consume the member's value.
func (r *reader) members(read func(name string) error) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		name, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := read(name.String()); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken() // the closing brace, or the error
	return err
}

// elements calls read for each element of the array that comes next; null and
// other values count as an empty array.
func (r *reader) elements(read func() error) error {
	if r.dec.PeekKind() != '[' {
		return r.dec.SkipValue()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for kind := r.dec.PeekKind(); kind != ']' && kind != jsontext.KindInvalid; kind = r.dec.PeekKind() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}
