package template

import (
	"slices"
	"strings"
)

func rightChecks() map[string]check {
	return map[string]check{
		"roles have the contract's rights on the archive, whole": archiveRights,
		"every call of the code is allowed, and no more":         callsAreDecided,
		"no right is wider than needed":                          rightsAreNarrow,
		"roles have no managed policies":                         rolesAreOwn,
		"every role can have a boundary":                         rolesAreBounded,
		"roles are lent to one service each":                     rolesAreLent,
		"keys serve one service each":                            keysServeServices,
		"only the archive wakes the forwarder":                   archiveWakes,
	}
}

// Each role has exactly the rights on the archive that the archive's contract gives it.
func archiveRights(template node) {
	for role, want := range map[string]map[string][]string{
		"CollectorRole": {
			"s3:PutObject":            {"/raw/v1/*", "/catalog/*", "/runs/*"},
			"s3:GetObject":            {"/raw/v1/*", "/catalog/*", "/runs/*"},
			"s3:AbortMultipartUpload": {"/raw/v1/*"},
			"s3:DeleteObject":         {"/runs/check"},
			"s3:ListBucket":           {""},
		},
		"ForwarderRole": {
			"s3:GetObject":    {"/raw/*", "/catalog/*", "/delivery/*", "/systems/*", "/quarantine/*"},
			"s3:PutObject":    {"/delivery/*", "/systems/*", "/quarantine/*"},
			"s3:DeleteObject": {"/delivery/check"},
			"s3:ListBucket":   {""},
		},
		"BatchReplayRole": {
			"s3:GetObject":                 {"/raw/*"},
			"s3:PutObject":                 {"/reports/*"},
			"s3:PutInventoryConfiguration": {""},
		},
		"ScheduleRole": {},
	} {
		got := map[string][]string{}
		for _, s := range template.roleStatements(role) {
			for _, action := range s.at("Action").texts() {
				if service(action) != "s3" {
					continue
				}
				s.at("Effect").want("Allow")
				for _, resource := range s.at("Resource").texts() {
					suffix, ok := strings.CutPrefix(resource, archiveARN)
					if !ok {
						s.wrong("%s on %s, which is not the archive", action, resource)
					}
					got[action] = append(got[action], suffix)
				}
			}
		}
		for action := range got {
			if want[action] == nil {
				template.properties(role).wrong("has the right %s", action)
			}
		}
		for action, prefixes := range want {
			template.properties(role).same(action, prefixes, got[action])
		}
	}
}

func callsAreDecided(template node) {
	calls, err := readCalls()
	if err != nil {
		template.wrong("%v", err)
	}
	for _, c := range calls {
		if got := template.allows(c); got != c.Allowed {
			template.wrong("%s %s on %s: allowed is %t (%s)", c.Role, c.Action, c.Resource, got, c.Why)
		}
	}
}

func rightsAreNarrow(template node) {
	// Their actions name no resources, or none that exist yet.
	withoutResources := []string{"xray", "ec2"}
	for role := range template.resources("AWS::IAM::Role") {
		for _, s := range template.roleStatements(role) {
			s.at("Sid").text()
			for _, action := range s.at("Action").texts() {
				if strings.Contains(action, "*") {
					s.wrong("wildcard action %s", action)
				}
				if slices.Contains(s.at("Resource").texts(), "*") && !slices.Contains(withoutResources, service(action)) {
					s.wrong("%s on every resource", action)
				}
				if action != "s3:ListBucket" {
					continue
				}
				for _, prefix := range s.at("Condition", "StringLikeIfExists", "s3:prefix").texts() {
					if !strings.HasSuffix(prefix, "/*") || len(prefix) < len("raw/*") {
						s.wrong("lists %q", prefix)
					}
				}
			}
		}
	}
}

func rolesAreOwn(template node) {
	for _, role := range template.resources("AWS::IAM::Role") {
		if role.has("ManagedPolicyArns") {
			role.wrong("has managed policies")
		}
	}
	for _, function := range template.resources("AWS::Serverless::Function") {
		function.at("Role").text()
		if function.has("Policies") {
			function.wrong("has policies, so that SAM would attach wide ones")
		}
	}
}

func rolesAreBounded(template node) {
	for _, role := range template.resources("AWS::IAM::Role") {
		role.at("PermissionsBoundary").when("UseBoundary").want("${PermissionsBoundaryArn}")
	}
}

func rolesAreLent(template node) {
	for role, service := range map[string]string{
		"CollectorRole": "lambda.amazonaws.com", "ForwarderRole": "lambda.amazonaws.com",
		"ScheduleRole": "scheduler.amazonaws.com", "BatchReplayRole": "batchoperations.s3.amazonaws.com",
	} {
		trust := template.properties(role).at("AssumeRolePolicyDocument", "Statement").list()
		if len(trust) != 1 {
			template.properties(role).wrong("is lent to %d principals", len(trust))
			continue
		}
		trust[0].at("Principal", "Service").want(service)
		if principals := trust[0].at("Principal").names(); len(principals) != 1 {
			trust[0].wrong("is lent to %v", principals)
		}
		if role == "ScheduleRole" {
			trust[0].at("Condition", "StringEquals", "aws:SourceAccount").want("${AWS::AccountId}")
			trust[0].at("Condition", "ArnEquals", "aws:SourceArn").want("${ScheduleGroup.Arn}")
		}
	}
}

func keysServeServices(template node) {
	for role := range template.resources("AWS::IAM::Role") {
		for _, s := range template.roleStatements(role) {
			if service(s.at("Action").texts()[0]) != "kms" {
				continue
			}
			for _, via := range s.at("Condition", "StringEquals", "kms:ViaService").texts() {
				if !strings.HasSuffix(via, ".${AWS::Region}.${AWS::URLSuffix}") {
					s.wrong("serves %q", via)
				}
			}
		}
	}
}

func archiveWakes(template node) {
	for _, p := range template.resources("AWS::Lambda::Permission") {
		p.at("SourceArn").want(archiveARN)
		p.at("SourceAccount").want("${AWS::AccountId}")
		p.at("Principal").want("s3.amazonaws.com")
	}
	for _, p := range template.resources("AWS::SQS::QueuePolicy") {
		for _, s := range p.at("PolicyDocument").statements() {
			if s.at("Effect").text() == "Deny" {
				continue
			}
			s.at("Condition", "ArnEquals", "aws:SourceArn").want(archiveARN)
			s.at("Condition", "StringEquals", "aws:SourceAccount").want("${AWS::AccountId}")
		}
	}
}
