package appliance

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The documents of API v1, with the member names that real clients read.

// timeLayout is a v1 timestamp, always in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// The scan status of a finished scan is proven; that of a running one is a
// guess.
const (
	statusFinished = "FINISHED_SUCCESSFULLY"
	statusRunning  = "RUNNING"
)

// lenient allows what real documents may hold, repeated names and invalid UTF-8, and
// keeps raw strings as they are.
var lenient = json.JoinOptions(
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true),
	jsontext.PreserveRawStrings(true),
)

type scanStatus struct {
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
}

type issue struct {
	checkInfo
	Status   string     `json:"status"`
	Affected int        `json:"affectedObjectsCount"`
	Objects  objectList `json:"affectedObjects,omitzero"`
	// Members that no client knows.
	Extra   jsontext.Value `json:"profileDetails,omitzero"`
	Ranking jsontext.Value `json:"riskRating,omitzero"`
}

// checkInfo is the part of an issue that describes its check.
type checkInfo struct {
	ID        jsontext.Value `json:"id"` // string or number
	DisplayID string         `json:"issueDisplayId"`
	Affects   string         `json:"affects"`
	AppliesTo string         `json:"appliesTo"`
	Severity  string         `json:"severity"`
	Type      string         `json:"type"` // profile code
	Title     *string        `json:"title"`
	URL       string         `json:"url"`
	Products  []product      `json:"products"`
}

type product struct {
	Name string `json:"name"`
}

type affectedObject struct {
	VCUID        string         `json:"vcUid"` // uid of any system, despite its name
	MOID         string         `json:"moid"`
	Name         string         `json:"name"`
	Type         *string        `json:"type"`
	ResultValues []resultValue  `json:"resultValues"`
	Status       string         `json:"status,omitzero"` // API v2 only, made up
	Extra        jsontext.Value `json:"parent,omitzero"` // a member that no client knows
}

type resultValue struct {
	Description string `json:"description"`
	Value       string `json:"value"`
}

type catalogueEntry struct {
	ID          jsontext.Value `json:"id"`
	Affects     string         `json:"affects"`
	AppliesTo   string         `json:"appliesTo"`
	Severity    string         `json:"severity"`
	Type        string         `json:"type"`
	Title       *string        `json:"title"`
	URL         string         `json:"url"`
	Annotation  string         `json:"annotation"`
	Updated     string         `json:"updatedDate"`
	STIGID      *string        `json:"stigid"`
	VulnID      *string        `json:"vulnid"`
	Check       *string        `json:"checkDescription"`
	Fix         *string        `json:"fixDescription"`
	STIGSection *string        `json:"stigSection"`
}

type vcenters struct {
	VCenters []vcenter `json:"vcenters"`
}

type vcenter struct {
	UID     string       `json:"uid"`
	Address string       `json:"address"`
	Plugin  pluginStatus `json:"webClientPluginStatus"`
}

type pluginStatus struct {
	Installed bool   `json:"installed"`
	Latest    bool   `json:"latest"`
	Version   string `json:"version"`
}

// licences is the document of /licenses. In real ones, too, licensedHosts is a number
// at the top and a list inside a licence.
type licences struct {
	LicensedHosts      int       `json:"licensedHosts"`
	LicensedHostCPUs   int       `json:"licensedHostCPUs"`
	UnlicensedHosts    int       `json:"unlicensedHosts"`
	UnlicensedHostCPUs int       `json:"unlicensedHostCPUs"`
	Licenses           []licence `json:"licenses"`
}

type licence struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	ValidUntil    string         `json:"validUntil"`
	AllowedCPUs   int            `json:"allowedCPUs"`
	UsedCPUs      int            `json:"usedCPUs"`
	LicensedHosts []licensedHost `json:"licensedHosts"`
}

type licensedHost struct {
	VCUID string `json:"vcUid"`
	MOID  string `json:"moid"`
	Name  string `json:"name"`
	CPUs  int    `json:"hostCPUs"`
}

const cpusPerHost = 2

type instances struct {
	Instances []instance `json:"rcaInstances"`
}

type instance struct {
	Info instanceInfo `json:"rcaInstanceInfo"`
}

type instanceInfo struct {
	UUID          string `json:"instanceUuid"`
	Version       string `json:"longApplicationVersion"`
	Definitions   string `json:"definitionsVersion"`
	DefinitionsAt int64  `json:"definitionsCreationTs"` // epoch milliseconds
}

type problem struct {
	Timestamp string `json:"timestamp"`
	Status    int    `json:"status"`
	Error     string `json:"error"`
	Message   string `json:"message"`
	Path      string `json:"path"`
}
