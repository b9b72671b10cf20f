package appliance

import (
	"fmt"

	"github.com/google/uuid"
)

// platform is a kind of system: what it is called, and what is checked on it.
type platform struct {
	systemType string // as in System.Type
	product    string // products[].name of its issues
	checks     int    // compliance checks in an estate of 10,000 findings or more: whole blocks
	profiles   []string
	layers     []string // appliesTo
	settings   []string // what its checks look at
	kinds      []objectKind
}

// objectKind is a kind of object within a system, in the vendor's own words.
type objectKind struct {
	name string
	// locate returns the i-th object's id and name. They depend on the system and i only.
	locate func(s *system, i int) (moid, name string)
	// untypedEvery leaves out the type of every so-many-th object; 0: of none.
	untypedEvery int
}

// Profile codes. KB, VUL are proven; BP and SH are likely; the others are
// guesses in the style of the codes that Dynatrace shows.
const (
	profileKB  = "KB"
	profileBP  = "BP"
	profileVUL = "VUL"

	// unknownProfile is made up: a company's own profile.
	unknownProfile = "ACME_HARDENING"
)

var (
	knowledgeProfiles = []string{profileKB, profileBP, profileVUL}
	vmwareProfiles    = []string{"CIS", "STIG", "PCI_DSS", "NIST", "DORA", "ISO27001", "BSI", "SH", unknownProfile}
	cloudProfiles     = []string{"CIS", "PCI_DSS", "NIST", "DORA", "ISO27001", "BSI", unknownProfile}
)

var vsphere = &platform{
	systemType: "VCENTER", product: "vSphere", checks: 400,
	profiles: vmwareProfiles,
	layers:   []string{"Compute", "Network", "Storage", "VM", "Management"},
	settings: []string{
		"SSH service", "lockdown mode", "NTP time synchronisation", "persistent logging", "Security.AccountUnlockTime",
		"promiscuous mode", "forged transmits", "VM console copy and paste", "vMotion encryption", "SNMP community",
	},
	kinds: []objectKind{
		{name: "HostSystem", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("host-%d", 81+i), fmt.Sprintf("esx%04d.%s", i+1, s.label)
		}},
		{name: "VirtualMachine", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("vm-%d", 12+i), fmt.Sprintf("%s-app-%04d", s.label, i+1)
		}},
		{name: "Datastore", untypedEvery: 5, locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("datastore-%d", 518+i), fmt.Sprintf("%s LUN “gold” %d", s.label, i+1)
		}},
		{name: "ClusterComputeResource", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("domain-c%d", 7+i), fmt.Sprintf("%s-cluster-%d", s.label, i+1)
		}},
		{name: "DistributedVirtualPortgroup", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("dvportgroup-%d", 20+i), fmt.Sprintf("PG-VLAN-%d", 100+i)
		}},
	},
}

var nsxt = &platform{
	systemType: "NSXT", product: "NSX-T", checks: 120,
	profiles: vmwareProfiles,
	layers:   []string{"Network", "Management"},
	settings: []string{"distributed firewall default rule", "edge SSH access", "BGP neighbour password", "manager session time-out", "syslog over TLS"},
	kinds: []objectKind{
		{name: "TransportNode", locate: func(s *system, i int) (string, string) {
			return s.object("node", i), fmt.Sprintf("edge-%03d.%s", i+1, s.label)
		}},
		{name: "ComputeCollection", untypedEvery: 4, locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("%s:domain-c%d", s.ID, 7+i), fmt.Sprintf("compute cluster %d", i+1)
		}},
		{name: "Tier1", locate: func(s *system, i int) (string, string) {
			return s.object("tier1", i), fmt.Sprintf("t1-tenant-%d", i+1)
		}},
	},
}

var aws = &platform{
	systemType: "AWS", product: "Amazon Web Services", checks: 280,
	profiles: cloudProfiles,
	layers:   []string{"Compute", "Network", "Storage", "Management"},
	settings: []string{"S3 public access block", "security group ingress on port 22", "EBS encryption by default", "CloudTrail log validation", "IMDSv2", "KMS key rotation", "VPC flow logs"},
	kinds: []objectKind{
		{name: "AWS::EC2::SecurityGroup", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("sg-%08x", 0xf29b6000+i), fmt.Sprintf("web-tier-%d", i+1)
		}},
		{name: "AWS::S3::Bucket", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("arn:aws:s3:::%s-logs-%05d", s.label, i), fmt.Sprintf("%s-logs-%05d", s.label, i)
		}},
		{name: "AWS::EC2::Instance", untypedEvery: 6, locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("i-%017x", 0x0a1b2c3d4e5f0000+i), fmt.Sprintf("worker-%d", i+1)
		}},
		{name: "AWS::IAM::Role", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("arn:aws:iam::%s:role/service/app-%d", awsAccount, i), fmt.Sprintf("app-%d", i)
		}},
	},
}

// The ids that the vendors use in their documentation.
const (
	awsAccount        = "111122223333"
	azureSubscription = "00000000-0000-0000-0000-000000000001"
	gcpProject        = "example-project"
)

var azure = &platform{
	systemType: "AZURE", product: "Microsoft Azure", checks: 240,
	profiles: cloudProfiles,
	layers:   []string{"Compute", "Network", "Storage", "Management"},
	settings: []string{"secure transfer", "HTTPS only", "guest users", "SQL auditing", "Key Vault soft delete", "network security group on port 3389"},
	kinds: []objectKind{
		{name: "Microsoft.Web/sites", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("/subscriptions/%s/resourceGroups/RG-%d/providers/Microsoft.Web/sites/site-%d", azureSubscription, i%7, i), fmt.Sprintf("site-%d", i)
		}},
		{name: "Microsoft.Storage/storageAccounts", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("/subscriptions/%s/resourceGroups/rg storage/providers/Microsoft.Storage/storageAccounts/acct%05d", azureSubscription, i), fmt.Sprintf("acct%05d", i)
		}},
		{name: "User", untypedEvery: 3, locate: func(s *system, i int) (string, string) {
			return s.object("user", i), fmt.Sprintf("Jürgen Müller (Gast %d)", i+1)
		}},
	},
}

var gcp = &platform{
	systemType: "GCP", product: "Google Cloud Platform", checks: 160,
	profiles: cloudProfiles,
	layers:   []string{"Compute", "Network", "Storage", "Management"},
	settings: []string{"OS Login", "uniform bucket-level access", "legacy networks", "service account keys", "Cloud SQL public address"},
	kinds: []objectKind{
		{name: "compute.googleapis.com/Instance", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("//compute.googleapis.com/projects/%s/zones/europe-west3-a/instances/vm-%d", gcpProject, i), fmt.Sprintf("vm-%d", i)
		}},
		{name: "storage.googleapis.com/Bucket", untypedEvery: 7, locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("%s-data-%d", gcpProject, i), fmt.Sprintf("データ %d", i)
		}},
	},
}

var kubernetes = &platform{
	systemType: "KUBERNETES_CLUSTER", product: "Kubernetes", checks: 200,
	profiles: cloudProfiles,
	layers:   []string{"Compute", "Network", "Management"},
	settings: []string{"anonymous kubelet access", "privileged containers", "host network", "API server audit log", "default service account", "seccomp profile"},
	kinds: []objectKind{
		{name: "Pod", locate: func(s *system, i int) (string, string) {
			return s.object("pod", i), fmt.Sprintf("shop/cart-%d", i)
		}},
		{name: "Node", locate: func(s *system, i int) (string, string) {
			return s.object("node", i), fmt.Sprintf("worker-%d", i)
		}},
		{name: "Deployment", untypedEvery: 4, locate: func(s *system, i int) (string, string) {
			return s.object("deployment", i) + "/inventory-deployments", fmt.Sprintf("shop/checkout-%d", i)
		}},
	},
}

var horizon = &platform{
	systemType: "HORIZON", product: "VMware Horizon", checks: 80,
	profiles: vmwareProfiles,
	layers:   []string{"Compute", "Management"},
	settings: []string{"session time-out", "TLS of the connection server", "smart card authentication"},
	kinds: []objectKind{
		{name: "ConnectionServer", locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("HCONNSERVER%d", 61+i), fmt.Sprintf("hconnserver%d.%s", 61+i, s.label)
		}},
		{name: "DesktopPool", untypedEvery: 2, locate: func(s *system, i int) (string, string) {
			return fmt.Sprintf("Pool Büro %d", i+1), fmt.Sprintf("Pool \"Büro\" %d", i+1)
		}},
	},
}

var platforms = []*platform{vsphere, nsxt, aws, azure, gcp, kubernetes, horizon}

// object returns the UUID of the system's i-th object of a family.
func (s *system) object(family string, i int) string {
	return uuid.NewSHA1(s.space, fmt.Appendf(nil, "%s/%d", family, i)).String()
}
