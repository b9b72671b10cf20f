// Command replay maps what is saved in a file, a raw object of the archive or
// what an appliance answered, on this machine: to events as NDJSON, or to the
// dashboard that they would make. It needs no account and sends nothing. The
// mapping's settings are the forwarder's environment variables.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/dashboard"
	"runecast-ingest/internal/dashboard/report"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/securityevent"
)

func main() {
	var r replay
	flag.StringVar(&r.report, "report", "", "write the dashboard as HTML here, instead of events to standard output")
	flag.StringVar(&r.catalog, "catalog", "", "a saved check catalogue (/issues) that belongs to the results")
	flag.StringVar(&r.system, "system", "saved", "the system's name, for a saved v2 scan")
	flag.Parse()
	out := bufio.NewWriter(os.Stdout)
	err := r.run(flag.Args(), out)
	if err = errors.Join(err, out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

type replay struct {
	report, catalog, system string
	mapper                  *mapping.Mapper
	checks                  *mapping.Catalog
	events                  []dashboard.Event
	pool                    dashboard.Pool
	out                     io.Writer
}

// run maps one file. Every scan in it is shown, whatever its age.
func (r *replay) run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("name one file: a raw object, or a saved /results or config-scans/latest answer, plain or gzip")
	}
	settings, err := config.LoadMapping(os.Getenv)
	if err != nil {
		return err
	}
	r.mapper, r.out = mapping.New(settings), out
	if r.catalog != "" {
		if r.checks, err = readCatalog(r.catalog); err != nil {
			return err
		}
	}
	source := func() (io.ReadCloser, error) { return open(args[0]) }
	parts, err := deliver.Contents(source, archive.ManualPrefix+r.system+"/"+filepath.Base(args[0]))
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := r.scan(p, source); err != nil {
			return err
		}
	}
	if r.report == "" {
		return nil
	}
	return r.write(filepath.Base(args[0]))
}

// scan maps one scan, and tells on standard error what came of it.
func (r *replay) scan(p deliver.Part, source deliver.Source) error {
	doc, done, err := p.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // reading is over
	res, err := r.mapper.Map(mapping.Input{
		Document: doc, Catalog: r.checks, ScanID: uuid.NewString(), Now: time.Now, Emit: r.emit,
		Reopen: func() (*mapping.Document, func() error, error) { return p.Open(source) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s (%s): %d events, %d skipped, posture %d%% %v\n", res.Scan.SystemName, res.Scan.SystemType,
		res.Mapped-res.Skipped, res.Skipped, res.Summary.CompliancePercentage, res.Reasons)
	if !res.Assessed {
		fmt.Fprintln(os.Stderr, "  no compliance results: the forwarder would not commit this scan")
		return nil
	}
	event, err := securityevent.AppendCompleted(nil, &res.Scan, res.Summary, time.Now())
	if err != nil {
		return err
	}
	return r.emit(event)
}

func (r *replay) emit(event []byte) error {
	if r.report == "" {
		_, err := r.out.Write(append(event, '\n'))
		return err
	}
	e, err := dashboard.Decode(event)
	r.pool.Share(&e)
	r.events = append(r.events, e)
	return err
}

func (r *replay) write(title string) error {
	f, err := os.Create(r.report)
	if err != nil {
		return err
	}
	page := report.Page{Title: title, Tiles: dashboard.Compute(r.events)}
	return errors.Join(page.Write(f), f.Close())
}

func readCatalog(path string) (*mapping.Catalog, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return mapping.ReadCatalog(f)
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
