package appliance

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"runecast-ingest/internal/fault"
)

// Defaults of Options.
const (
	DefaultFindings = 10_000
	DefaultScanTime = 2 * time.Second
	// DefaultLastScanAge is long enough for a new analysis to be told from the
	// last, and still of the same day.
	DefaultLastScanAge = 12 * time.Hour
)

// Values of Options.API. It is not public which real appliance speaks which.
const (
	// APIv1 is API v1, and the list of analyzers of v2 under /rc2.
	APIv1 = "v1"
	// APIv2 is API v2 under /rca; all of /rc2 is unknown (404). While a scan runs,
	// the latest result of most systems is that of the scan before. That of
	// vc2.example, the GCP and the Kubernetes system is the running scan's, dated by
	// its start, and it grows until the scan ends. The simulator has both kinds,
	// since it is not public which is real.
	APIv2 = "v2"
	// APIBoth is all of API v1 and all of API v2.
	APIBoth = "both"
	// APIMixed is read by v2 and triggered by v1: of v1 it has the vCenters and the
	// trigger only, and v2's trigger is refused (405).
	APIMixed = "mixed"
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
	// HugeIssue, if not 0, is how many objects one failed check of the first
	// system affects, in addition to Findings.
	HugeIssue int
	// API is which APIs the appliance speaks; "" means APIv1. Saved documents need
	// APIv1.
	API string
	// TextIDs sends the ids of API v2's systems as strings, not as numbers.
	TextIDs bool
	// ScanTime is how long the analysis of one system takes, measured by Now;
	// 0 means DefaultScanTime.
	ScanTime time.Duration
	// LastScanAge is how long before the start the last analyses of a seeded
	// estate ended; 0 means DefaultLastScanAge. Below 0 they ended in the
	// future, by a clock that was ahead and has been set right since.
	LastScanAge time.Duration
	// Token may read and trigger. Empty: there is none.
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
	// Quirks say what is odd about single systems of a seeded estate. The key is a
	// system's id in either API, its name in either API, or the part of a name
	// before the first dot, in any letter case.
	Quirks map[string]Quirk
	// Faults say what is wrong with the appliance as a whole.
	Faults Faults
	// Now is the clock; nil means time.Now. The appliance's own clock is ahead of it
	// by Faults.Skew.
	Now func() time.Time
	// Intercept sees every request first, before the token is checked, and reports
	// whether it has answered: the way to inject any fault. May be nil. To break off
	// an answer, use CutAfter.
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
	// V2ID is the id of API v2, a small number that has nothing to do with ID.
	// Empty if the appliance does not speak v2.
	V2ID string
	// ViewName is what API v2 calls it: a vCenter's address, perhaps in another
	// letter case. Empty if the appliance does not speak v2.
	ViewName string
}

// Quirk is what is odd about one system. The zero value is a healthy system.
type Quirk struct {
	// FailsAs lets each of its analyses fail: v1 then shows this status, with a new
	// timestamp and the results of the last good analysis. The words of real
	// appliances are not public; FINISHED_WITH_ERROR and FAILED are guesses. API v2
	// is not known to have a status: there the last good analysis stays the latest.
	FailsAs string
	// Endless lets none of its analyses end, nor become the latest result of API v2.
	// It outranks FailsAs.
	Endless bool
	// Vanishes takes the system from all lists, for good, when half of its next
	// analysis is over.
	Vanishes bool
	// Empties leaves no issue in its results after its next analysis.
	Empties bool
	// Unscanned means that the system was never analysed. Until its first analysis
	// has succeeded, v1 has no results of it, though it lists a vCenter, and v2
	// answers 404.
	Unscanned bool
}

// Values of Faults.Login, which says what they mean.
const (
	LoginRedirect = "redirect"
	LoginPage     = "page"
)

// ErrorsHTML is a value of Faults.Errors.
const ErrorsHTML = "html"

// Faults is what is wrong with a whole appliance. The zero value is a healthy
// one.
type Faults struct {
	// Conflict refuses (409) a trigger while the system is being analysed. Without
	// it such a trigger is accepted (202) and has no effect. Which of the two is real
	// is not public.
	Conflict bool
	// BrokenCatalogue answers 500 to /issues, but not to /issues?type=. That was seen
	// on a real appliance in 2020.
	BrokenCatalogue bool
	// Login is how a missing or wrong token is refused: "" by 401, LoginRedirect
	// by 302 to a login page, LoginPage by that page with 200.
	Login string
	// TokenUntil, if not zero, is when all tokens expire, measured by Now: from
	// then on they are wrong.
	TokenUntil time.Time
	// Errors is the form of error bodies: "" for Spring's JSON, ErrorsHTML for
	// Tomcat's page.
	Errors string
	// Updates are the times at which every request is refused with 503.
	Updates []Update
	// Skew is how far the appliance's clock is ahead of Now; below 0 it is behind.
	Skew time.Duration
}

// Update is a time when the appliance updates itself.
type Update struct {
	// After is how long after the appliance's start it begins, For how long it takes.
	After, For time.Duration
	// RetryAfter tells in a header how many seconds are left, rounded up.
	RetryAfter bool
}

// checked returns the options with their defaults, or a *fault.Error of class
// Config that says what is wrong with them.
func (o Options) checked() (Options, error) {
	if o.Findings == 0 {
		o.Findings = DefaultFindings
	}
	if o.ScanTime == 0 {
		o.ScanTime = DefaultScanTime
	}
	if o.LastScanAge == 0 {
		o.LastScanAge = DefaultLastScanAge
	}
	if o.API == "" {
		o.API = APIv1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Findings < 0 || o.ScanTime < 0 || o.HugeIssue < 0:
		return o, wrongOption("Findings, ScanTime or HugeIssue is negative", "use 0 for the default, or a positive value")
	case !slices.Contains([]string{APIv1, APIv2, APIBoth, APIMixed}, o.API):
		return o, wrongOption(fmt.Sprintf("unknown API %q", o.API), "use v1, v2, both or mixed")
	case !slices.Contains([]string{"", LoginRedirect, LoginPage}, o.Faults.Login):
		return o, wrongOption(fmt.Sprintf("unknown Login %q", o.Faults.Login), "use redirect, page, or nothing for 401")
	case !slices.Contains([]string{"", ErrorsHTML}, o.Faults.Errors):
		return o, wrongOption(fmt.Sprintf("unknown Errors %q", o.Faults.Errors), "use html, or nothing for JSON")
	case o.saved() && (o.API != APIv1 || len(o.Quirks) > 0 || o.HugeIssue > 0):
		return o, wrongOption("saved documents are served as they are", "use API v1 without Quirks and HugeIssue, or a seeded estate")
	}
	return o, nil
}

// saved reports whether saved documents are served instead of a seeded estate.
func (o Options) saved() bool {
	return o.ResultsFile != "" || o.IssuesFile != "" || o.VCentersFile != ""
}

// speaksV2 reports whether API v2's systems can be read.
func (o Options) speaksV2() bool { return o.API != APIv1 }

func wrongOption(what, cure string) error {
	return &fault.Error{Class: fault.Config, Where: "appliance options", What: what, Cure: cure}
}
