package template

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const archiveARN = "arn:${AWS::Partition}:s3:::${AWS::StackName}-${AWS::AccountId}-${AWS::Region}"

func roleStatements(t *testing.T, role string) []object {
	t.Helper()
	var out []object
	for _, policy := range load(t).at("Resources", role, "Properties").list("Policies") {
		out = append(out, policy.at("PolicyDocument").statements()...)
	}
	return out
}

// The archive's contract says who writes what; these are its rights, whole.
func TestArchiveRightsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]map[string][]string{
		"CollectorRole": {
			"s3:PutObject":            {"/raw/v1/*", "/catalog/*", "/runs/*"},
			"s3:GetObject":            {"/raw/v1/*", "/runs/*"},
			"s3:AbortMultipartUpload": {"/raw/v1/*"},
			"s3:DeleteObject":         {"/runs/check"},
			"s3:ListBucket":           {""},
		},
		"ForwarderRole": {
			"s3:GetObject":  {"/raw/*", "/catalog/*", "/delivery/*", "/systems/*", "/quarantine/*"},
			"s3:PutObject":  {"/delivery/*", "/systems/*", "/quarantine/*"},
			"s3:ListBucket": {""},
		},
		"ScheduleRole": {},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			got := map[string][]string{}
			for _, s := range roleStatements(t, role) {
				for _, action := range s.texts("Action") {
					if !strings.HasPrefix(action, "s3:") || s.text("Effect") != "Allow" {
						continue
					}
					for _, resource := range s.texts("Resource") {
						suffix, ok := strings.CutPrefix(resource, archiveARN)
						if !ok {
							t.Errorf("%s on %s, which is not the archive", action, resource)
						}
						got[action] = append(got[action], suffix)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("- contract, + role:\n%s", diff)
			}
		})
	}
}

func TestListingIsLimitedByPrefix(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"CollectorRole", "ForwarderRole"} {
		for _, s := range roleStatements(t, role) {
			if !slices.Contains(s.texts("Action"), "s3:ListBucket") {
				continue
			}
			for _, prefix := range s.at("Condition", "StringLike").texts("s3:prefix") {
				if !strings.HasSuffix(prefix, "/*") || len(prefix) < len("raw/*") {
					t.Errorf("%s may list %q", role, prefix)
				}
			}
		}
	}
}

func TestNoRightIsWiderThanNeeded(t *testing.T) {
	t.Parallel()
	// Their actions name no resources, or none that exist yet.
	withoutResources := []string{"xray:", "ec2:"}
	for role := range load(t).resources("AWS::IAM::Role") {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			for _, s := range roleStatements(t, role) {
				for _, action := range s.texts("Action") {
					if strings.Contains(action, "*") {
						t.Errorf("wildcard action %s", action)
					}
					named := !slices.ContainsFunc(withoutResources, func(p string) bool { return strings.HasPrefix(action, p) })
					if named && slices.Contains(s.texts("Resource"), "*") {
						t.Errorf("%s on every resource", action)
					}
				}
			}
		})
	}
}

func TestRolesHaveNoManagedPolicies(t *testing.T) {
	t.Parallel()
	doc := load(t)
	for name, role := range doc.resources("AWS::IAM::Role") {
		if p := role.m["ManagedPolicyArns"]; p != nil {
			t.Errorf("%s has managed policies: %v", name, p)
		}
	}
	for name, function := range doc.resources("AWS::Serverless::Function") {
		if function.m["Role"] == nil || function.m["Policies"] != nil {
			t.Errorf("%s has no role of its own, so that SAM would attach wide ones", name)
		}
	}
}

func TestOnlyTheArchiveWakesTheForwarder(t *testing.T) {
	t.Parallel()
	doc := load(t)
	for name, p := range doc.resources("AWS::Lambda::Permission") {
		if render(t, p.m["SourceArn"]) != archiveARN || render(t, p.m["SourceAccount"]) != "${AWS::AccountId}" {
			t.Errorf("%s lets more in than the archive: %v", name, p.m)
		}
	}
	for name, p := range doc.resources("AWS::SQS::QueuePolicy") {
		for _, s := range p.at("PolicyDocument").statements() {
			if s.text("Effect") == "Deny" {
				continue
			}
			condition := s.at("Condition")
			if render(t, condition.at("ArnEquals").m["aws:SourceArn"]) != archiveARN ||
				render(t, condition.at("StringEquals").m["aws:SourceAccount"]) != "${AWS::AccountId}" {
				t.Errorf("%s lets more in than the archive: %v", name, condition.m)
			}
		}
	}
}

func TestTheArchiveIsClosed(t *testing.T) {
	t.Parallel()
	resources := load(t).at("Resources")
	bucket := resources.at("ArchiveBucket")
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if v := bucket.text(policy); v != "Retain" {
			t.Errorf("%s is %s", policy, v)
		}
	}
	for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if v := bucket.at("Properties", "PublicAccessBlockConfiguration").text(block); v != "true" {
			t.Errorf("%s is %s", block, v)
		}
	}
	if name := render(t, bucket.at("Properties").m["BucketName"]); !strings.HasSuffix(archiveARN, ":::"+name) {
		t.Errorf("the roles name %s, the bucket is %s", archiveARN, name)
	}
	for _, s := range resources.at("ArchiveBucketPolicy", "Properties", "PolicyDocument").statements() {
		if s.text("Effect") != "Deny" {
			t.Errorf("the bucket's policy lets somebody in: %v", s.m)
		}
	}
}
