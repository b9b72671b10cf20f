package securityevent_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/securityevent"
)

func platformOf(system string) securityevent.Platform {
	return map[string]securityevent.Platform{"AWS": securityevent.AWS, "GCP": securityevent.GCP, "KUBERNETES_CLUSTER": securityevent.Kubernetes}[system]
}

func TestPlace(t *testing.T) {
	t.Parallel()
	const uid = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
	const site = "/subscriptions/0-1/resourceGroups/rg 1/providers/Microsoft.Web/sites/shop"
	type members map[string]any
	for name, c := range map[string]struct {
		system, id, object, kind string
		want                     members
	}{
		"ARN":                       {"AWS", "arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc", "", "", members{"aws.region": "eu-central-1", "aws.account.id": "111122223333", "aws.resource.id": "i-0abc"}},
		"ARN with colon":            {"AWS", "arn:aws-cn:lambda:cn-north-1:111122223333:function:pay:3", "", "", members{"aws.region": "cn-north-1", "aws.account.id": "111122223333", "aws.resource.id": "pay:3"}},
		"ARN with path":             {"AWS", "arn:aws:iam::111122223333:role/service/app", "", "", members{"aws.account.id": "111122223333", "aws.resource.id": "service/app"}},
		"ARN of a bucket":           {"AWS", "arn:aws:s3:::logs/2026", "", "", members{"aws.resource.id": "logs/2026"}},
		"ARN of AWS":                {"AWS", "arn:aws:iam::aws:policy/Admin", "", "", members{"aws.resource.id": "Admin"}},
		"ARN on another system":     {"KUBERNETES_CLUSTER", "arn:aws:eks:eu-west-1:111122223333:cluster/c", "", "", members{"aws.region": "eu-west-1", "aws.account.id": "111122223333", "aws.resource.id": "c"}},
		"ARN cut":                   {"AWS", "arn:aws:iam", "", "", members{}},
		"ARN without a resource":    {"AWS", "arn:aws:ec2:::instance/", "", "", members{}},
		"instance":                  {"AWS", "r-1/i-0123456789abcdef0", "web", "", members{"aws.resource.id": "i-0123456789abcdef0", "aws.resource.name": "web"}},
		"instance without a name":   {"AWS", "r-1/i-0123456789abcdef0", "i-0123456789abcdef0", "", members{"aws.resource.id": "i-0123456789abcdef0"}},
		"security group":            {"AWS", "r-1/sg-f29b6093", "web", "", members{"aws.resource.id": "sg-f29b6093"}},
		"bucket":                    {"AWS", "r-1/my-bucket", "my-bucket", "", members{}},
		"instance elsewhere":        {"VCENTER", "r-1/i-0123456789abcdef0", "web", "", members{}},
		"account":                   {"AWS", uid, "111122223333", "AWS", members{}},
		"Azure":                     {"AZURE", site, "shop", "", members{"azure.subscription": "0-1", "azure.resource.group": "rg 1", "azure.resource.id": site, "azure.resource.name": "shop"}},
		"Azure below its system":    {"AZURE", "t-1/" + site, "shop", "", members{"azure.subscription": "0-1", "azure.resource.group": "rg 1", "azure.resource.id": site, "azure.resource.name": "shop"}},
		"Azure, other case":         {"AZURE", "/subscriptions/0-1/resourcegroups/rg", "", "", members{"azure.subscription": "0-1", "azure.resource.group": "rg"}},
		"Azure subscription":        {"AZURE", "/subscriptions/0-1", "", "", members{"azure.subscription": "0-1"}},
		"Azure without a group":     {"AZURE", "/subscriptions/0-1/providers/Microsoft.Security/pricings/vm", "", "", members{"azure.subscription": "0-1", "azure.resource.id": "/subscriptions/0-1/providers/Microsoft.Security/pricings/vm", "azure.resource.name": "vm"}},
		"Azure of another form":     {"AZURE", "/subscriptions/0-1/x", "", "", members{"azure.subscription": "0-1"}},
		"Azure, empty":              {"AZURE", "/subscriptions/", "", "", members{}},
		"Azure user":                {"AZURE", "t-1/" + uid, "Jo", "User", members{}},
		"GCP":                       {"GCP", "g-1///compute.googleapis.com/projects/shop-1/zones/z/instances/vm", "vm", "", members{"gcp.project.id": "shop-1"}},
		"GCP self link":             {"GCP", "g-1/https://www.googleapis.com/compute/v1/projects/shop-1/global/x", "x", "", members{"gcp.project.id": "shop-1"}},
		"GCP short":                 {"GCP", "g-1/projects/shop-1", "", "", members{"gcp.project.id": "shop-1"}},
		"GCP bucket":                {"GCP", "g-1/my-projects/x", "", "", members{}},
		"pod":                       {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "shop/cart-7", "Pod", members{"k8s.pod.name": "cart-7", "k8s.pod.uid": uid, "k8s.namespace.name": "shop"}},
		"pod without a namespace":   {"KUBERNETES_CLUSTER", "cluster-1/pod-7", "cart-7", "Pod", members{"k8s.pod.name": "cart-7"}},
		"deployment":                {"KUBERNETES_CLUSTER", "cluster-1/" + uid + "/inventory", "shop/cart", "Deployment", members{"k8s.workload.name": "cart", "k8s.workload.uid": uid, "k8s.namespace.name": "shop"}},
		"node":                      {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "worker-1", "Node", members{"k8s.node.name": "worker-1"}},
		"namespace":                 {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "shop", "Namespace", members{"k8s.namespace.name": "shop", "k8s.namespace.uid": uid}},
		"name with too many parts":  {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "a/b/c", "Pod", members{}},
		"node with a slash":         {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "a/b", "Node", members{}},
		"service account":           {"KUBERNETES_CLUSTER", "cluster-1/" + uid, "shop/default", "ServiceAccount", members{}},
		"pod on another system":     {"VCENTER", "v-1/" + uid, "shop/cart", "Pod", members{}},
		"host":                      {"VCENTER", "v-1/host-81", "esx1", "HostSystem", members{}},
		"nothing but a system's id": {"KUBERNETES_CLUSTER", "cluster-1", "", "KUBERNETES_CLUSTER", members{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.kind == "" {
				c.kind = "T"
			}
			s := &securityevent.Scan{ID: scan().ID, SystemID: "s", SystemType: c.system, Platform: platformOf(c.system)}
			all := finding(t, securityevent.External, s, rule(), securityevent.Finding{ObjectID: []byte(c.id), ObjectName: []byte(c.object), ObjectType: []byte(c.kind)})
			got := members{}
			for name, value := range all {
				if regexp.MustCompile(`^(aws|azure|gcp|k8s)\.`).MatchString(name) {
					got[name] = value
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// A member must not come twice: the account of the system is the one that counts.
func TestAccountOfTheSystemComesFirst(t *testing.T) {
	t.Parallel()
	s := scan()
	s.SystemType, s.Platform, s.Context = "AWS", securityevent.AWS, []securityevent.Context{{Key: "cloud.provider", Value: "aws"}, {Key: "aws.account.id", Value: "444455556666"}}
	got := finding(t, securityevent.Both, s, rule(), securityevent.Finding{ObjectID: []byte("arn:aws:iam::111122223333:role/r"), ObjectType: []byte("Role")})
	if got["aws.account.id"] != "444455556666" {
		t.Errorf("account %v", got["aws.account.id"])
	}
}
