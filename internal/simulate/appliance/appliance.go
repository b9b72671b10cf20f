// Package appliance is a Runecast Analyzer for tests and the local stack: an
// http.Handler that speaks API v1, v2, or both. It promises the shapes that are
// proven for real appliances, data that is hostile in the ways real data is,
// the same bytes for the same seed (except timestamps), the same verdicts in
// both APIs, and memory that does not grow with the number of findings: every
// document is streamed.
//
// A shape that no public source proves is a guess, and its comment says so: the
// running status, the codes of profiles, the error bodies, the trigger of API v2
// and the objects in its results.
package appliance

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"runecast-ingest/internal/fault"
)

// Appliance is a running Runecast Analyzer. It is safe for concurrent use.
type Appliance struct {
	options Options
	started time.Time // by the options' clock
	source  source
	estate  *estate // the source if it is seeded; nil with saved documents
	scans   *scans
	routes  *http.ServeMux
}

// source is where the documents come from: a seeded estate or saved files.
type source interface {
	// systems returns the systems that can have results, in the order of the
	// results document.
	systems() []System
	// licensed returns the hosts that the licence covers.
	licensed() []licensedHost
	// writeVCenters writes the vCenters as of the given analyses, by uid.
	writeVCenters(w io.Writer, analyses map[string]analysis) error
	// writeIssues writes the catalogue; profile "" means all of it.
	writeIssues(w io.Writer, profile string) error
	// writeResults writes the results as of the given analyses; detectedOnly
	// leaves out checks that found nothing.
	writeResults(w io.Writer, analyses map[string]analysis, detectedOnly bool) error
}

// New makes an appliance. Errors are *fault.Error of class Config: a saved
// document that cannot be read or is no API v1 document, options that are
// negative, unknown, or do not go together.
func New(options Options) (*Appliance, error) {
	options, err := options.checked()
	if err != nil {
		return nil, err
	}
	a := &Appliance{options: options, started: options.Now()}
	a.scans = newScans(a.now, options.ScanTime)
	if options.saved() {
		saved, err := openSaved(options)
		if err != nil {
			return nil, err
		}
		a.source = saved
		for _, id := range saved.scannable() {
			a.scans.connect(id, time.Time{}, course{})
		}
	} else if err := a.build(); err != nil {
		return nil, err
	}
	a.routes = a.newRoutes()
	return a, nil
}

// build makes the estate. Its last scans ended one after the other, a second
// apart, as a nightly schedule does it.
func (a *Appliance) build() error {
	a.estate = newEstate(a.options)
	a.source = a.estate
	quirks, err := a.estate.assign(a.options.Quirks)
	if err != nil {
		return err
	}
	last := a.now().Add(-a.options.LastScanAge)
	for i, s := range a.estate.list {
		a.scans.connect(s.ID, last.Add(time.Duration(i)*time.Second), course{Quirk: quirks[s.ID], startStamped: s.startStamped})
	}
	return nil
}

// now returns the time of the appliance's own clock.
func (a *Appliance) now() time.Time { return a.options.Now().Add(a.options.Faults.Skew) }

// Systems returns the systems that have results, in the order of the results
// document. Tests compare archive and dashboard with them.
func (a *Appliance) Systems() []System {
	analyses := a.scans.snapshot()
	return slices.DeleteFunc(a.source.systems(), func(s System) bool { return !analyses[s.ID].shown() })
}

// WriteResults streams the full API v1 /results document as it is served now. If
// the appliance does not speak v1, it is the document with the same verdicts. An
// error is that of w, or of reading a saved document.
func (a *Appliance) WriteResults(w io.Writer) error {
	return a.source.writeResults(w, a.scans.snapshot(), false)
}

// WriteIssues streams the full API v1 /issues document, the catalogue. An error is
// that of w, or of reading a saved document.
func (a *Appliance) WriteIssues(w io.Writer) error { return a.source.writeIssues(w, "") }

// WriteScan streams API v2's latest result of the system with this V2ID as it
// is served now, with all analysed objects or with affected ones only. It returns
// a *fault.Error of class Config if there is no such result.
func (a *Appliance) WriteScan(w io.Writer, v2ID string, allObjects bool) error {
	if write := a.latest(v2ID, allObjects); write != nil {
		return write(w)
	}
	return &fault.Error{
		Class: fault.Config, Where: "simulated appliance", What: fmt.Sprintf("no result of a system %q in API v2", v2ID),
		Cure: "use a V2ID of Systems",
	}
}
