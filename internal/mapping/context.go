package mapping

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// scanOf returns what the events of a document share.
func (m *Mapper) scanOf(e *archive.Envelope, scanID string) securityevent.Scan {
	completed := CompletedAt(e)
	var started time.Time                                                        // unknown, unless the run itself started the analysis
	if e.Run.Mode == archive.ModeAnalyze && !completed.Before(e.Run.StartedAt) { // the appliance's clock may be behind
		started = e.Run.StartedAt
	}
	return securityevent.Scan{
		ID: scanID, Name: securityevent.ScanName(or(e.System.Name, e.System.ID), completed), ProductVersion: e.Appliance.Version,
		Started: started, Completed: completed, Archived: e.Run.StartedAt,
		SystemID: e.System.ID, SystemName: or(e.System.Name, e.System.ID), SystemType: or(e.System.Type, runecast.TypeUnknown),
		Platform: platformOf(e.System.Type),
		Context:  append(contextOf(e), securityevent.Context{Key: "dt.security_context", Value: m.settings.SecurityContext.For(e.System)}),
	}
}

// platformOf returns what a type of system runs on.
func platformOf(systemType string) securityevent.Platform {
	switch systemType {
	case runecast.TypeAWS:
		return securityevent.AWS
	case runecast.TypeGCP:
		return securityevent.GCP
	case runecast.TypeKubernetes:
		return securityevent.Kubernetes
	}
	return securityevent.OtherPlatform
}

// contextOf returns the members that say where a system is, in the terms of the
// semantic dictionary, as far as the system's type, id and name prove it. A value that
// they do not prove is empty. Package securityevent adds what an object's id proves.
func contextOf(e *archive.Envelope) []securityevent.Context {
	id, name := e.System.ID, e.System.Name
	if name == id {
		name = "" // API v1 has names of vCenters only: the id of any other system stands for its name
	}
	switch e.System.Type {
	case runecast.TypeVCenter:
		return []securityevent.Context{{Key: "hypervisor.type", Value: "VMWARE"}, {Key: "vmware.vcenter.name", Value: name}}
	case runecast.TypeAWS:
		account, alias := awsAccount(name)
		return []securityevent.Context{{Key: "cloud.provider", Value: "aws"}, {Key: "aws.account.id", Value: account}, {Key: "aws.account.name", Value: alias}}
	case runecast.TypeAzure: // a tenant: its uid is the tenant's
		return []securityevent.Context{{Key: "cloud.provider", Value: "azure"}, {Key: "azure.tenant.id", Value: uuidOnly(id)}, {Key: "azure.tenant.name", Value: name}}
	case runecast.TypeGCP:
		return []securityevent.Context{{Key: "cloud.provider", Value: "gcp"}, {Key: "gcp.organization.id", Value: organization(id)}, {Key: "gcp.organization.name", Value: name}}
	case runecast.TypeKubernetes:
		return []securityevent.Context{{Key: "k8s.cluster.name", Value: name}, {Key: "k8s.cluster.uid", Value: uuidOnly(strings.TrimPrefix(id, "cluster-"))}}
	}
	return nil
}

// awsAccount finds the account number, 12 digits on their own, in a name such
// as "111122223333", "111122223333 (prod)" or "prod 111122223333". The rest of the
// name is the account's name. If there is no such number, or more than one, the whole
// name is.
func awsAccount(name string) (id, alias string) {
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" ()[]:/|,;", r) })
	var rest []string
	for _, word := range words {
		switch {
		case len(word) != 12 || strings.Trim(word, "0123456789") != "":
			rest = append(rest, word)
		case id != "":
			return "", name
		default:
			id = word
		}
	}
	if id == "" {
		return "", name
	}
	return id, strings.Trim(strings.Join(rest, " "), " -_")
}

// uuidOnly returns an id that is a UUID, and "" for any other.
func uuidOnly(id string) string {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return ""
	}
	return id
}

// leastOrganization is how many digits a number must have to be taken for that of an
// organization without "organizations/" before it. The appliance's own record numbers,
// which are the ids of systems in API v2, are shorter.
const leastOrganization = 10

// organization returns the number of a Google organization, "organizations/…" or
// its digits alone; "" if the id is none.
func organization(id string) string {
	number, named := strings.CutPrefix(id, "organizations/")
	if strings.Trim(number, "0123456789") != "" || !named && len(number) < leastOrganization {
		return ""
	}
	return number
}
