package appliance

import (
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
)

const contentType = "application/json;charset=UTF-8"

// The version that the appliance shows: the oldest that Dynatrace integrates.
const (
	applicationVersion = "6.9.12.0"
	definitionsVersion = "6.9.12.1"
)

func (a *Appliance) newRoutes() *http.ServeMux {
	routes := http.NewServeMux()
	if a.options.API != APIv2 {
		a.addTrigger(routes)
	}
	if a.options.API == APIv1 || a.options.API == APIBoth {
		a.addV1(routes)
	}
	if a.options.speaksV2() {
		a.addV2(routes)
	}
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, http.StatusNotFound, "No message available")
	})
	return routes
}

// addTrigger adds what every appliance has but one that speaks v2 only: the
// vCenters, the trigger of v1, and the list of analyzers under /rc2.
func (a *Appliance) addTrigger(routes *http.ServeMux) {
	routes.HandleFunc("GET /rc2/api/v1/vcenters", a.serve(func(w io.Writer, _ *http.Request) error {
		return a.source.writeVCenters(w, a.scans.snapshot())
	}))
	routes.HandleFunc("POST /rc2/api/v1/scan/{uid}", func(w http.ResponseWriter, r *http.Request) {
		a.scan(w, r, r.PathValue("uid"))
	})
	routes.HandleFunc("GET /rc2/api/v2/rca-instances", a.serve(a.writeInstances))
}

func (a *Appliance) addV1(routes *http.ServeMux) {
	issues := a.serve(func(w io.Writer, r *http.Request) error {
		return a.source.writeIssues(w, r.URL.Query().Get("type"))
	})
	routes.HandleFunc("GET /rc2/api/v1/issues", func(w http.ResponseWriter, r *http.Request) {
		if a.options.Faults.BrokenCatalogue && r.URL.Query().Get("type") == "" {
			a.refuse(w, r, http.StatusInternalServerError, "Internal error")
			return
		}
		issues(w, r)
	})
	routes.HandleFunc("GET /rc2/api/v1/results", a.serve(func(w io.Writer, r *http.Request) error {
		return a.source.writeResults(w, a.scans.snapshot(), r.URL.Query().Get("onlyDetectedIssues") == "true")
	}))
	routes.HandleFunc("GET /rc2/api/v1/licenses", a.serve(func(w io.Writer, _ *http.Request) error {
		return json.MarshalWrite(w, a.licences())
	}))
}

// ServeHTTP answers one API call.
func (a *Appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.options.Intercept != nil && a.options.Intercept(w, r) {
		return
	}
	if a.options.Faults.Skew != 0 {
		w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
	}
	if a.admitted(w, r) {
		a.routes.ServeHTTP(w, r)
	}
}

// scan triggers an analysis. It is a guess that a trigger during a running scan is
// accepted without effect; 409 is the other possibility.
func (a *Appliance) scan(w http.ResponseWriter, r *http.Request, uid string) {
	switch known, running := a.scans.start(uid); {
	case !known:
		a.refuse(w, r, http.StatusNotFound, "System not found")
	case running && a.options.Faults.Conflict:
		a.refuse(w, r, http.StatusConflict, "A scan of this system is running")
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// serve returns a handler that streams a document, compressed if the client accepts
// gzip. If writing fails, the handler breaks the connection, so that nobody takes
// the document for whole.
func (a *Appliance) serve(write func(io.Writer, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if err := compressed(w, r, write); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func compressed(w http.ResponseWriter, r *http.Request, write func(io.Writer, *http.Request) error) error {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return write(w, r)
	}
	w.Header().Set("Content-Encoding", "gzip")
	packer, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := write(packer, r); err != nil {
		return err
	}
	return packer.Close()
}

func (a *Appliance) licences() licences {
	hosts := a.source.licensed()
	return licences{
		LicensedHosts:    len(hosts),
		LicensedHostCPUs: cpusPerHost * len(hosts),
		UnlicensedHosts:  1, UnlicensedHostCPUs: cpusPerHost,
		Licenses: []licence{{
			ID: "1", Name: "Runecast Analyzer NFR",
			ValidUntil:  a.now().UTC().AddDate(1, 0, 0).Format(timeLayout),
			AllowedCPUs: cpusPerHost * (len(hosts) + 8), UsedCPUs: cpusPerHost * len(hosts),
			LicensedHosts: hosts,
		}},
	}
}

func (a *Appliance) writeInstances(w io.Writer, _ *http.Request) error {
	return json.MarshalWrite(w, instances{Instances: []instance{{Info: instanceInfo{
		UUID:          uuid.NewSHA1(uuid.Nil, seedBytes(a.options.Seed)).String(),
		Version:       applicationVersion,
		Definitions:   definitionsVersion,
		DefinitionsAt: a.now().Add(-DefaultLastScanAge).UnixMilli(),
	}}}})
}
