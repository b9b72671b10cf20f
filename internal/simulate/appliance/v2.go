package appliance

import (
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The documents of API v2, which calls a connected system an ecosystem. The members
// that the vendor's own script of 2023 reads are proven: createdTs, the summary, and
// of an issue issueDisplayId, type, severity, title, status and the count. It is a
// guess that objects are listed as in v1, and that an issue has v1's other members.

// firstV2ID is where the ids of API v2 begin; real ones are of this size.
const firstV2ID = 2772

type ecosystems struct {
	Ecosystems []ecosystem `json:"ecosystems"`
}

type ecosystem struct {
	ID       jsontext.Value `json:"id"` // number, perhaps a string
	ViewName string         `json:"viewName"`
}

// scanEarly and scanLate are the same document with its members in two orders.
type scanEarly struct {
	Created int64         `json:"createdTs"` // epoch milliseconds
	Summary scanSummary   `json:"configScanResultSummary"`
	Issues  scannedIssues `json:"scannedIssues"`
}

type scanLate struct {
	Statistics jsontext.Value `json:"statistics"` // a member that no client knows
	Issues     scannedIssues  `json:"scannedIssues"`
	Summary    scanSummary    `json:"configScanResultSummary"`
	Created    int64          `json:"createdTs"`
}

// oddStatistics is valid JSON that many decoders refuse.
const oddStatistics = `{"duration":1e400,"host":"caf\u00e9 \ud800","host":"\/","sizes":[-0.0,1.50,null]}`

// scanSummary counts failed issues by severity, and the vulnerabilities among them a
// second time. It is a guess which statuses count as found.
type scanSummary struct {
	Critical        int `json:"foundCriticalIssuesCount"`
	Major           int `json:"foundMajorIssuesCount"`
	Medium          int `json:"foundMediumIssuesCount"`
	Low             int `json:"foundLowIssuesCount"`
	Vulnerabilities int `json:"foundVulnerabilitiesCount"`
}

func summarise(plan []plannedIssue) scanSummary {
	var sum scanSummary
	counts := map[string]*int{"Critical": &sum.Critical, "Major": &sum.Major, "Medium": &sum.Medium, "Low": &sum.Low}
	for i := range plan {
		p := &plan[i]
		if p.status != "FAIL" && p.status != "M_FAIL" {
			continue
		}
		if count := counts[p.severity]; count != nil {
			*count++
		}
		if p.profile == profileVUL {
			sum.Vulnerabilities++
		}
	}
	return sum
}

type scannedIssue struct {
	Issue    checkInfo  `json:"issue"`
	Status   string     `json:"status"`
	Affected int        `json:"affectedObjectsCount"`
	Objects  objectList `json:"affectedObjects,omitzero"`
}

type scannedIssues struct {
	system   *system
	plan     []plannedIssue
	analysed bool // with all analysed objects, not only affected ones
}

// MarshalJSONTo writes one issue after the other.
func (l scannedIssues) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for i := range l.plan {
		p := &l.plan[i]
		issue := scannedIssue{
			Issue: l.system.info(p), Status: p.status, Affected: p.counted,
			Objects: objectList{system: l.system, issue: p, analysed: l.analysed},
		}
		if err := json.MarshalEncode(enc, issue); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

// writeScan writes the system's latest result: while a scan grows, its first issues
// only.
func (s *system) writeScan(w io.Writer, a analysis, analysed bool) error {
	plan := s.shown(a)
	plan = plan[:int(a.share*float64(len(plan)))]
	created, summary := a.created.UnixMilli(), summarise(plan)
	issues := scannedIssues{system: s, plan: plan, analysed: analysed}
	var document any = scanEarly{Created: created, Summary: summary, Issues: issues}
	if s.lateStatus {
		document = scanLate{Statistics: raw(oddStatistics), Issues: issues, Summary: summary, Created: created}
	}
	return json.MarshalWrite(w, document, lenient)
}

// nameForV2 sets V2ID and ViewName of each system.
func (e *estate) nameForV2() {
	for _, s := range e.list {
		s.V2ID, s.ViewName = strconv.Itoa(s.v2ID), s.viewName
	}
}

func (e *estate) writeEcosystems(w io.Writer, analyses map[string]analysis, textIDs bool) error {
	document := ecosystems{Ecosystems: []ecosystem{}}
	for _, s := range e.list {
		if analyses[s.ID].gone {
			continue
		}
		id := s.V2ID
		if textIDs {
			id = strconv.Quote(id)
		}
		document.Ecosystems = append(document.Ecosystems, ecosystem{ID: raw(id), ViewName: s.ViewName})
	}
	return json.MarshalWrite(w, document)
}

// ecosystem returns the system with this id of API v2; nil if there is none.
func (e *estate) ecosystem(v2ID string) *system {
	for _, s := range e.list {
		if s.V2ID != "" && s.V2ID == v2ID {
			return s
		}
	}
	return nil
}

// latest returns a function that writes a system's latest result; nil if there is
// no such system or result.
func (a *Appliance) latest(v2ID string, analysed bool) func(io.Writer) error {
	if a.estate == nil {
		return nil
	}
	s := a.estate.ecosystem(v2ID)
	if s == nil {
		return nil
	}
	analysis := a.scans.snapshot()[s.ID]
	if !analysis.shown() {
		return nil
	}
	return func(w io.Writer) error { return s.writeScan(w, analysis, analysed) }
}

func (a *Appliance) addV2(routes *http.ServeMux) {
	const ecosystem = " /rca/api/v2/ecosystems/{id}/config-scans"
	routes.HandleFunc("GET /rca/api/v2/rca-instances", a.serve(a.writeInstances))
	routes.HandleFunc("GET /rca/api/v2/rca-instances/1/ecosystems", a.serve(func(w io.Writer, _ *http.Request) error {
		return a.estate.writeEcosystems(w, a.scans.snapshot(), a.options.TextIDs)
	}))
	routes.HandleFunc("GET"+ecosystem+"/latest", func(w http.ResponseWriter, r *http.Request) {
		write := a.latest(r.PathValue("id"), r.URL.Query().Get("includeAllAnalyzedObjects") == "true")
		if write == nil {
			a.refuse(w, r, http.StatusNotFound, "No scan of this ecosystem")
			return
		}
		a.serve(func(w io.Writer, _ *http.Request) error { return write(w) })(w, r)
	})
	// No trigger of API v2 is public: path, status and empty body are a guess.
	routes.HandleFunc("POST"+ecosystem, func(w http.ResponseWriter, r *http.Request) {
		if a.options.API == APIMixed {
			w.Header().Set("Allow", http.MethodGet)
			a.refuse(w, r, http.StatusMethodNotAllowed, "Request method 'POST' is not supported")
			return
		}
		s := a.estate.ecosystem(r.PathValue("id"))
		if s == nil {
			a.refuse(w, r, http.StatusNotFound, "Ecosystem not found")
			return
		}
		a.scan(w, r, s.ID)
	})
}
