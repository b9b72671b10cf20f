package mapping_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Findings and scan events have the same members about the place of a system, as far as
// its type, id and name prove it.
func TestContext(t *testing.T) {
	t.Parallel()
	const uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	place := regexp.MustCompile(`^(cloud|aws|azure|gcp|k8s|hypervisor|vmware)\.`)
	type members map[string]any
	for name, c := range map[string]struct {
		systemType, id, name string
		want                 members
	}{
		"vCenter":                   {"VCENTER", uuid, "vc1.example", members{"hypervisor.type": "VMWARE", "vmware.vcenter.name": "vc1.example"}},
		"vCenter without a name":    {"VCENTER", uuid, uuid, members{"hypervisor.type": "VMWARE"}},
		"AWS number":                {"AWS", uuid, "111122223333", members{"cloud.provider": "aws", "aws.account.id": "111122223333"}},
		"AWS number and name":       {"AWS", uuid, "111122223333 (prod)", members{"cloud.provider": "aws", "aws.account.id": "111122223333", "aws.account.name": "prod"}},
		"AWS name and number":       {"AWS", uuid, "shop prod - 111122223333", members{"cloud.provider": "aws", "aws.account.id": "111122223333", "aws.account.name": "shop prod"}},
		"AWS name":                  {"AWS", uuid, "prod-eu", members{"cloud.provider": "aws", "aws.account.name": "prod-eu"}},
		"AWS two numbers":           {"AWS", uuid, "111122223333 444455556666", members{"cloud.provider": "aws", "aws.account.name": "111122223333 444455556666"}},
		"AWS 13 digits":             {"AWS", uuid, "1111222233334", members{"cloud.provider": "aws", "aws.account.name": "1111222233334"}},
		"AWS without a name":        {"AWS", "7c9e6679-7425-40de-944b-111122223333", "7c9e6679-7425-40de-944b-111122223333", members{"cloud.provider": "aws"}},
		"Azure":                     {"AZURE", uuid, "example.onmicrosoft.com", members{"cloud.provider": "azure", "azure.tenant.id": uuid, "azure.tenant.name": "example.onmicrosoft.com"}},
		"Azure, API v2":             {"AZURE", "2806", "example.onmicrosoft.com", members{"cloud.provider": "azure", "azure.tenant.name": "example.onmicrosoft.com"}},
		"GCP, API v2":               {"GCP", "2806", "example.org", members{"cloud.provider": "gcp", "gcp.organization.name": "example.org"}},
		"GCP, its digits alone":     {"GCP", "123456789012", "example.org", members{"cloud.provider": "gcp", "gcp.organization.id": "123456789012", "gcp.organization.name": "example.org"}},
		"GCP":                       {"GCP", "organizations/123456789012", "example.org", members{"cloud.provider": "gcp", "gcp.organization.id": "123456789012", "gcp.organization.name": "example.org"}},
		"GCP of another id":         {"GCP", uuid, uuid, members{"cloud.provider": "gcp"}},
		"Kubernetes":                {"KUBERNETES_CLUSTER", "cluster-" + uuid, "shop", members{"k8s.cluster.name": "shop", "k8s.cluster.uid": uuid}},
		"Kubernetes without a name": {"KUBERNETES_CLUSTER", "cluster-" + uuid, "cluster-" + uuid, members{"k8s.cluster.uid": uuid}},
		"Kubernetes, by hand":       {"KUBERNETES_CLUSTER", "manual:shop", "shop", members{"k8s.cluster.name": "shop"}},
		"NSX-T":                     {"NSXT", uuid, "nsx1", members{}},
		"unknown":                   {"UNKNOWN", uuid, "x", members{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(raw(c.id, c.systemType, issue("CIS-1", "CIS", "Low", "PASS", 0)), `"name":"vc1.example"`, `"name":"`+c.name+`"`, 1)
			count := 0
			err := everything(t, settings(nil), text, nil, func(b []byte) error {
				count++
				got := members{}
				for name, value := range decode(t, b) {
					if place.MatchString(name) {
						got[name] = value
					}
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
				return nil
			})
			if err != nil || count != 3 {
				t.Errorf("%d events, %v", count, err)
			}
		})
	}
}
