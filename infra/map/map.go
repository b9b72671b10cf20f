// Package mapfile maps a saved file on this machine: a raw object of the archive,
// or an answer of an appliance. The result is events as NDJSON, or the dashboard
// that the events would make. It promises to map as the forwarder does; it needs
// no account and sends nothing.
package mapfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

// Options say how a document is mapped.
type Options struct {
	// Report is the file for the dashboard, as HTML; empty: events are written.
	Report string
	// Catalog is the file with the check catalogue (/issues), plain or gzip, that
	// belongs to the results; empty: there is none.
	Catalog string
	// System is the name for the system of a saved v2 scan, which does not name it.
	System string
	// Getenv returns the mapping's settings by the names of the forwarder's
	// environment variables.
	Getenv func(string) string
	// Events is where the events are written, one a line, if Report is empty.
	Events io.Writer
	// Notes is where a line about each scan is written: its system, its numbers of
	// events and its posture.
	Notes io.Writer
}

// work is the mapping of one file.
type work struct {
	Options
	mapper *mapping.Mapper
	checks *mapping.Catalog
	events []dashboard.Event
	pool   dashboard.Pool
}

// Map maps every scan of the file, whatever its age. Errors name the file, and
// what is wrong with it or with the settings.
func Map(file string, o Options) error {
	settings, err := forwarderconfig.LoadMapping(o.Getenv)
	if err != nil {
		return err
	}
	w := work{Options: o, mapper: mapping.New(settings)}
	if o.Catalog != "" {
		if w.checks, err = readCatalog(o.Catalog); err != nil {
			return withFile(o.Catalog, err)
		}
	}
	source := func() (io.ReadCloser, error) { return open(file) }
	parts, err := deliver.Contents(source, archive.ManualPrefix+o.System+"/"+filepath.Base(file))
	for i := 0; err == nil && i < len(parts); i++ {
		err = w.scan(parts[i], source)
	}
	if err != nil {
		return withFile(file, err)
	}
	if o.Report == "" {
		return nil
	}
	return w.write(filepath.Base(file))
}

// withFile adds the name of a file to an error about it, unless the error has it already.
func withFile(file string, err error) error {
	if _, named := errors.AsType[*fs.PathError](err); named {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// counted returns a scan's counts by reason, such as "; 3 not_compliance, 1
// unlicensed"; "" if there are none.
func counted(reasons map[string]int64) string {
	text := ""
	for i, reason := range slices.Sorted(maps.Keys(reasons)) {
		text += fmt.Sprintf("%s %d %s", [2]string{";", ","}[min(i, 1)], reasons[reason], reason)
	}
	return text
}

// scan maps one scan, and writes a line about it to Notes.
func (w *work) scan(p deliver.Part, source deliver.Source) error {
	if err := p.Unfit(); err != nil {
		_, _ = fmt.Fprintf(w.Notes, "%v\n  the forwarder would not commit this scan\n", err)
		return nil
	}
	doc, done, err := p.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // reading is over
	res, err := w.mapper.Map(mapping.Input{
		Document: doc, Catalog: w.checks, ScanID: uuid.NewString(), Now: time.Now, Emit: w.emit,
		Reopen: func() (*mapping.Document, func() error, error) { return p.Open(source) },
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w.Notes, "%s (%s): %d events, %d skipped, posture %d %%%s\n", res.Scan.SystemName, res.Scan.SystemType,
		res.Mapped-res.Skipped, res.Skipped, res.Summary.CompliancePercentage, counted(res.Reasons))
	if !res.Assessed {
		_, _ = fmt.Fprintln(w.Notes, "  no compliance results: the forwarder would not commit this scan")
		return nil
	}
	event, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, time.Now())
	if err != nil {
		return err
	}
	return w.emit(event)
}

// emit writes an event, or keeps it for the dashboard.
func (w *work) emit(event []byte) error {
	if w.Report == "" {
		_, err := w.Events.Write(append(event, '\n'))
		return err
	}
	e, err := dashboard.Decode(event)
	w.pool.Share(&e)
	w.events = append(w.events, e)
	return err
}

// write writes the dashboard of all events as HTML.
func (w *work) write(title string) error {
	f, err := os.Create(w.Report)
	if err != nil {
		return err
	}
	page := report.Page{Title: title, Tiles: dashboard.Compute(w.events)}
	return errors.Join(page.Write(f), f.Close())
}

func readCatalog(path string) (*mapping.Catalog, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := archive.SavedObject(f)
	if err != nil {
		return nil, err
	}
	return mapping.ReadCatalog(text)
}

// open reads a file, decompressed if it is gzip by its first bytes.
func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	plain := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := plain.Peek(2); len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return struct {
			io.Reader
			io.Closer
		}{plain, f}, nil
	}
	zr, err := gzip.NewReader(plain)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{zr, f}, nil
}
