// Package appliance is a Runecast Analyzer for tests and the local stack: an
// http.Handler that speaks API v1. It promises the shapes that are proven for
// real appliances, data that is hostile in the ways real data is, the same
// bytes for the same seed (timestamps apart), and memory that does not grow
// with the number of findings: every document is streamed.
//
// What no public source proves is a guess, and is said to be one where it is
// made: the running status, the codes of profiles, the error bodies.
package appliance

import (
	"io"
	"net/http"
	"time"

	"runecast-ingest/internal/fault"
)

// Defaults of Options.
const (
	DefaultFindings = 10_000
	DefaultScanTime = 2 * time.Second
)

// Options says which appliance to simulate. The zero value is an estate from
// seed 0 that refuses every request, because it knows no token.
type Options struct {
	// Seed of the estate; the same seed gives the same documents.
	Seed uint64
	// Findings is how many rows (rule × object) the default mapping would send
	// for all systems together; 0 means DefaultFindings. An estate has 280
	// at least, since every kind of finding is there at any size.
	Findings int
	// ScanTime is how long the analysis of one system takes, measured by Now;
	// 0 means DefaultScanTime.
	ScanTime time.Duration
	// Token may do everything. Empty: nobody may.
	Token string
	// ReadOnlyToken may read, and is refused (403) when it triggers a scan.
	// Empty: there is none.
	ReadOnlyToken string
	// ResultsFile, IssuesFile and VCentersFile are documents saved from a real
	// appliance, plain or gzip, served instead of a seeded estate; only the
	// scan timestamps move. They must not change while they are served.
	// Without an IssuesFile the catalogue is empty; without a VCentersFile the
	// vCenters are the systems whose issues are about vSphere.
	ResultsFile, IssuesFile, VCentersFile string
	// Now is the appliance's clock; nil means time.Now.
	Now func() time.Time
	// Intercept sees every request first, before the token is looked at, and
	// returns true if it has answered: the way to inject any fault. May be nil.
	Intercept func(http.ResponseWriter, *http.Request) bool
}

// System is a connected system as the appliance's own user interface shows it.
type System struct {
	// ID is the uid of API v1: a UUID, or cluster-<UUID>.
	ID string
	// Name is what people call it; the ID where API v1 names it nowhere.
	Name string
	// Type is VCENTER, AWS, AZURE, GCP, KUBERNETES_CLUSTER, NSXT, HORIZON,
	// VCD, WINDOWS, LINUX or UNKNOWN.
	Type string
}

// Appliance is a running Runecast Analyzer. It is safe for concurrent use.
type Appliance struct {
	options Options
	source  source
	scans   *scans
	routes  *http.ServeMux
}

// source is where the documents come from: a seeded estate or saved files.
type source interface {
	// systems are those with results, in the order of the results document.
	systems() []System
	// scannable are the ids for which a scan may be triggered.
	scannable() []string
	// licensed are the hosts that the licence covers.
	licensed() []licensedHost
	writeVCenters(w io.Writer) error
	// writeIssues writes the catalogue; profile "" means all of it.
	writeIssues(w io.Writer, profile string) error
	// writeResults writes the results as of the given analyses; detectedOnly
	// leaves out checks that found nothing.
	writeResults(w io.Writer, analyses map[string]analysis, detectedOnly bool) error
}

// New makes an appliance. Errors are *fault.Error of class Config: a saved
// document that cannot be read or is no API v1 document, negative options.
func New(options Options) (*Appliance, error) {
	if options.Findings == 0 {
		options.Findings = DefaultFindings
	}
	if options.ScanTime == 0 {
		options.ScanTime = DefaultScanTime
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Findings < 0 || options.ScanTime < 0 {
		return nil, &fault.Error{Class: fault.Config, Where: "appliance options", What: "Findings or ScanTime is negative", Cure: "use 0 for the default, or a positive value"}
	}
	a := &Appliance{options: options, scans: newScans(options.Now, options.ScanTime)}
	if options.ResultsFile != "" || options.IssuesFile != "" || options.VCentersFile != "" {
		saved, err := openSaved(options)
		if err != nil {
			return nil, err
		}
		a.source = saved
		a.scans.connect(saved.scannable(), time.Time{})
	} else {
		a.source = newEstate(options.Seed, options.Findings)
		a.scans.connect(a.source.scannable(), options.Now().Add(-lastScanAge))
	}
	a.routes = a.newRoutes()
	return a, nil
}

// lastScanAge is how long ago a fresh appliance analysed its systems: long
// enough for a new analysis to be told from it, and still of the same day.
const lastScanAge = 12 * time.Hour

// Systems gives the systems that have results, in the order of the results
// document: the truth that an archive and a dashboard are compared with.
func (a *Appliance) Systems() []System { return a.source.systems() }

// WriteResults streams the full API v1 /results document as it is served now.
func (a *Appliance) WriteResults(w io.Writer) error {
	return a.source.writeResults(w, a.scans.snapshot(), false)
}

// WriteIssues streams the full API v1 /issues document, the catalogue.
func (a *Appliance) WriteIssues(w io.Writer) error { return a.source.writeIssues(w, "") }
