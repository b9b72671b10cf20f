package mapping

import (
	"strings"

	"runecast-ingest/internal/securityevent"
)

// scanOf reads what the events of a document share.
func scanOf(e *Envelope, scanID string) securityevent.Scan {
	completed := e.CompletedAt()
	return securityevent.Scan{
		ID: scanID, Name: securityevent.ScanName(e.System.Name, completed), ProductVersion: e.Appliance.Version,
		Started: e.Run.StartedAt, Completed: completed,
		SystemID: e.System.ID, SystemName: or(e.System.Name, e.System.ID), SystemType: or(e.System.Type, "UNKNOWN"),
		Context: contextOf(e),
	}
}

// contextOf names the place of a system in the semantic dictionary's terms.
func contextOf(e *Envelope) []securityevent.Context {
	id, name := e.System.ID, or(e.System.Name, e.System.ID)
	switch e.System.Type {
	case "VCENTER":
		return []securityevent.Context{{Key: "hypervisor.type", Value: "VMWARE"}, {Key: "vmware.vcenter.name", Value: name}}
	case "AWS":
		c := []securityevent.Context{{Key: "cloud.provider", Value: "aws"}}
		if account(name) {
			return append(c, securityevent.Context{Key: "aws.account.id", Value: name})
		}
		return append(c, securityevent.Context{Key: "aws.account.name", Value: name})
	case "AZURE":
		return []securityevent.Context{{Key: "cloud.provider", Value: "azure"}, {Key: "azure.tenant.id", Value: id}, {Key: "azure.tenant.name", Value: name}}
	case "GCP":
		return []securityevent.Context{{Key: "cloud.provider", Value: "gcp"}, {Key: "gcp.organization.id", Value: id}, {Key: "gcp.organization.name", Value: name}}
	case "KUBERNETES_CLUSTER":
		return []securityevent.Context{{Key: "k8s.cluster.name", Value: name}, {Key: "k8s.cluster.uid", Value: strings.TrimPrefix(id, "cluster-")}}
	}
	return nil
}

// account tells an AWS account number: 12 digits.
func account(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
