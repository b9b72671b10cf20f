package template

import "strconv"

func archiveChecks() map[string]check {
	return map[string]check{
		"the archive is private":                        archiveIsPrivate,
		"the archive survives the stack":                archiveSurvives,
		"the archive is encrypted and versioned":        archiveIsEncrypted,
		"what was archived is never rewritten":          archiveIsWrittenOnce,
		"delivery state outlives raw results":           stateOutlivesResults,
		"every prefix is kept as long as promised":      prefixesAreKept,
		"replay can read every tier":                    tiersAreReadable,
		"nothing is locked by itself":                   nothingIsLocked,
		"queues and logs are encrypted with the key":    storesAreEncrypted,
		"the key's policy lets in who has no role here": keyPolicyLetsIn,
		"the topics' policy lets in who publishes":      topicPolicyLetsIn,
	}
}

func archiveIsPrivate(template node) {
	bucket := template.properties("ArchiveBucket")
	for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		bucket.at("PublicAccessBlockConfiguration", block).want("true")
	}
	for _, rule := range bucket.at("OwnershipControls", "Rules").list() {
		rule.at("ObjectOwnership").want("BucketOwnerEnforced")
	}
	for _, s := range template.properties("ArchiveBucketPolicy").at("PolicyDocument").statements() {
		s.at("Effect").want("Deny")
	}
	for name, condition := range map[string]map[string]string{
		"plain http": {"aws:SecureTransport": "false"},
		"TLS 1.1":    {"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"},
	} {
		for _, c := range []call{
			{Role: "ForwarderRole", Action: "s3:GetObject", Resource: archiveARN + "/raw/v1/x.json.gz", Context: condition},
			{Role: "CollectorRole", Action: "s3:PutObject", Resource: archiveARN + "/runs/active.json", Context: condition},
		} {
			if template.allows(c) {
				bucket.wrong("%s is let in by %s", c.Action, name)
			}
		}
	}
}

func archiveSurvives(template node) {
	for _, resource := range []string{"ArchiveBucket", "ArchiveBucketPolicy"} {
		// If the stack's creation fails, both are removed: they are empty, and would block the next attempt.
		template.at("Resources", resource, "DeletionPolicy").want("RetainExceptOnCreate")
		template.at("Resources", resource, "UpdateReplacePolicy").want("Retain")
	}
	if name := template.properties("ArchiveBucket").at("BucketName").text(); "arn:${AWS::Partition}:s3:::"+name != archiveARN {
		template.wrong("the roles name %s, the bucket is %s", archiveARN, name)
	}
}

func archiveIsEncrypted(template node) {
	bucket := template.properties("ArchiveBucket")
	bucket.at("VersioningConfiguration", "Status").want("Enabled")
	rules := bucket.at("BucketEncryption", "ServerSideEncryptionConfiguration").list()
	if len(rules) != 1 {
		bucket.wrong("has %d encryption rules", len(rules))
		return
	}
	rules[0].at("BucketKeyEnabled").want("true")
	algorithm := rules[0].at("ServerSideEncryptionByDefault", "SSEAlgorithm")
	algorithm.when("UseKey").want("aws:kms")
	if branches := algorithm.branches(); branches[len(branches)-1].text() != "AES256" {
		algorithm.wrong("is not AES256 without a key")
	}
	rules[0].at("ServerSideEncryptionByDefault", "KMSMasterKeyID").when("UseKey").want("${KmsKeyArn}")
}

func archiveIsWrittenOnce(template node) {
	for _, key := range []string{"/raw/v1/dt=2026-11-22/run=r/vc1.json.gz", "/catalog/0123.json.gz"} {
		for name, c := range map[string]struct {
			context map[string]string
			allowed bool
		}{
			"a new object":                   {map[string]string{"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}, true},
			"a part of an upload":            {map[string]string{"s3:ObjectCreationOperation": "false"}, true},
			"an object whether there or not": {map[string]string{"s3:ObjectCreationOperation": "true"}, false},
		} {
			if template.allows(call{Role: "CollectorRole", Action: "s3:PutObject", Resource: archiveARN + key, Context: c.context}) != c.allowed {
				template.properties("ArchiveBucketPolicy").wrong("%s under %s: allowed is %t", name, key, !c.allowed)
			}
		}
	}
}

// lifecycle returns the archive's rules by prefix; those without one have "".
func lifecycle(template node) map[string][]node {
	rules := map[string][]node{}
	for _, rule := range template.properties("ArchiveBucket").at("LifecycleConfiguration", "Rules").list() {
		prefix := ""
		if rule.has("Prefix") {
			prefix = rule.at("Prefix").text()
		}
		rules[prefix] = append(rules[prefix], rule)
	}
	return rules
}

func stateOutlivesResults(template node) {
	days := template.at("Parameters", "RawRetentionDays", "AllowedValues").texts()
	table := template.at("Mappings", "DeliveryRetention")
	table.same("retention", days, table.names())
	for _, raw := range days {
		r, err1 := strconv.Atoi(raw)
		d, err2 := strconv.Atoi(table.at(raw, "Days").text())
		if err1 != nil || err2 != nil || d < r+30 {
			table.wrong("keeps state %d days, raw results %s", d, raw)
		}
	}
	for _, rule := range lifecycle(template)["delivery/"] {
		found := rule.at("ExpirationInDays", "Fn::FindInMap").texts()
		rule.same("days", []string{"DeliveryRetention", "${RawRetentionDays}", "Days"}, found)
	}
}

func prefixesAreKept(template node) {
	rules := lifecycle(template)
	for prefix, want := range map[string]struct{ days, oldVersions string }{
		"raw/":        {"${RawRetentionDays}", "30"},
		"quarantine/": {"${RawRetentionDays}", "30"},
		"delivery/":   {"by the table", "7"},
		"systems/":    {"", "7"},
		"runs/":       {"", "7"},
		"reports/":    {"90", "7"},
	} {
		if len(rules[prefix]) == 0 {
			template.properties("ArchiveBucket").wrong("no lifecycle of %s", prefix)
			continue
		}
		rule := rules[prefix][0]
		rule.at("Status").want("Enabled")
		rule.at("NoncurrentVersionExpiration", "NoncurrentDays").want(want.oldVersions)
		switch {
		case want.days == "" && rule.has("ExpirationInDays"):
			rule.wrong("expires: what is committed is not known from anywhere else")
		case want.days != "" && prefix != "delivery/":
			rule.at("ExpirationInDays").want(want.days)
		}
	}
	if len(rules["catalog/"]) > 0 {
		template.properties("ArchiveBucket").wrong("catalogues expire, while raw objects of later days name them")
	}
	for _, rule := range rules[""] {
		rule.at("AbortIncompleteMultipartUpload", "DaysAfterInitiation").want("1")
		if rule.has("ExpirationInDays") {
			rule.wrong("expires everything")
		}
	}
}

func tiersAreReadable(template node) {
	for _, rules := range lifecycle(template) {
		for _, rule := range rules {
			if !rule.has("Transitions") {
				continue
			}
			rule.at("Prefix").want("raw/")
			rule.at("ObjectSizeGreaterThan").want("131072")
			rule.at("Status", "Fn::If").same("status", []string{"UseArchiveTiers", "Enabled", "Disabled"}, rule.at("Status", "Fn::If").texts())
			for _, transition := range rule.at("Transitions").list() {
				switch class := transition.at("StorageClass").text(); class {
				case "STANDARD_IA", "GLACIER_IR":
				default:
					transition.wrong("%s has to be restored before a replay can read it", class)
				}
			}
		}
	}
}

// A default retention would keep every version of every state document.
func nothingIsLocked(template node) {
	bucket := template.properties("ArchiveBucket")
	bucket.at("ObjectLockEnabled").when("UseObjectLock").want("true")
	if bucket.has("ObjectLockConfiguration") {
		bucket.wrong("has a default retention")
	}
	template.at("Parameters", "ObjectLock", "Default").want("off")
}

func storesAreEncrypted(template node) {
	for _, queue := range template.resources("AWS::SQS::Queue") {
		queue.at("KmsMasterKeyId").when("UseKey").want("${KmsKeyArn}")
		if branches := queue.at("SqsManagedSseEnabled").branches(); len(branches) != 1 || branches[0].text() != "true" {
			queue.wrong("is not encrypted without a key")
		}
	}
	for _, group := range template.resources("AWS::Logs::LogGroup") {
		group.at("KmsKeyId").when("UseKey").want("${KmsKeyArn}")
		group.at("RetentionInDays").want("${LogRetentionDays}")
	}
}
