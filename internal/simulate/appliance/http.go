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
	routes.HandleFunc("GET /rc2/api/v1/vcenters", a.serve(func(w io.Writer, _ *http.Request) error {
		return a.source.writeVCenters(w)
	}))
	routes.HandleFunc("GET /rc2/api/v1/issues", a.serve(func(w io.Writer, r *http.Request) error {
		return a.source.writeIssues(w, r.URL.Query().Get("type"))
	}))
	routes.HandleFunc("GET /rc2/api/v1/results", a.serve(func(w io.Writer, r *http.Request) error {
		return a.source.writeResults(w, a.scans.snapshot(), r.URL.Query().Get("onlyDetectedIssues") == "true")
	}))
	routes.HandleFunc("GET /rc2/api/v1/licenses", a.serve(func(w io.Writer, _ *http.Request) error {
		return json.MarshalWrite(w, a.licences())
	}))
	routes.HandleFunc("GET /rc2/api/v2/rca-instances", a.serve(func(w io.Writer, _ *http.Request) error {
		return json.MarshalWrite(w, a.instances())
	}))
	routes.HandleFunc("POST /rc2/api/v1/scan/{uid}", a.scan)
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, http.StatusNotFound, "No message available")
	})
	return routes
}

// ServeHTTP answers one API call.
func (a *Appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.options.Intercept != nil && a.options.Intercept(w, r) {
		return
	}
	// An Authorization header carries the bare token; Bearer is accepted too.
	switch token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case token == "":
		a.refuse(w, r, http.StatusUnauthorized, "Full authentication is required to access this resource")
	case token == a.options.Token:
		a.routes.ServeHTTP(w, r)
	case token != a.options.ReadOnlyToken:
		a.refuse(w, r, http.StatusUnauthorized, "Bad credentials")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		a.refuse(w, r, http.StatusForbidden, "Access is denied")
	default:
		a.routes.ServeHTTP(w, r)
	}
}

// scan triggers an analysis. That a trigger during a running scan is accepted
// in silence is a guess; 409 is the other possibility.
func (a *Appliance) scan(w http.ResponseWriter, r *http.Request) {
	if !a.scans.start(r.PathValue("uid")) {
		a.refuse(w, r, http.StatusNotFound, "System not found")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// serve streams a document, compressed if the client asks for it. A document
// that breaks off ends the connection, so that nobody takes it for whole.
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

// refuse answers with the error body of Spring, on which the appliance is
// likely built; the body of real ones is not public.
func (a *Appliance) refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	body, err := json.Marshal(problem{
		Timestamp: a.options.Now().UTC().Format(timeLayout),
		Status:    status,
		Error:     http.StatusText(status),
		Message:   message,
		Path:      r.URL.Path,
	}, lenient)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}

func (a *Appliance) licences() licences {
	hosts := a.source.licensed()
	return licences{
		LicensedHosts:    len(hosts),
		LicensedHostCPUs: cpusPerHost * len(hosts),
		UnlicensedHosts:  1, UnlicensedHostCPUs: cpusPerHost,
		Licenses: []licence{{
			ID: "1", Name: "Runecast Analyzer NFR",
			ValidUntil:  a.options.Now().UTC().AddDate(1, 0, 0).Format(timeLayout),
			AllowedCPUs: cpusPerHost * (len(hosts) + 8), UsedCPUs: cpusPerHost * len(hosts),
			LicensedHosts: hosts,
		}},
	}
}

func (a *Appliance) instances() instances {
	return instances{Instances: []instance{{Info: instanceInfo{
		UUID:          uuid.NewSHA1(uuid.Nil, seedBytes(a.options.Seed)).String(),
		Version:       applicationVersion,
		Definitions:   definitionsVersion,
		DefinitionsAt: a.options.Now().Add(-lastScanAge).UnixMilli(),
	}}}}
}
