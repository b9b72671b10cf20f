package template

import "strings"

func functionChecks() map[string]check {
	return map[string]check{
		"functions run the built binaries":         functionsRunBinaries,
		"failed invocations are kept":              failuresAreKept,
		"no concurrency is reserved":               nothingIsReserved,
		"each function can be in a VPC of its own": functionsAreInVPCs,
		"events wait longer than a function runs":  visibilityExceedsTimeout,
		"each function has its own log":            logsAreOwn,
		"names of the stack do not collide":        namesHoldTheStack,
	}
}

func functionsRunBinaries(template node) {
	globals := template.at("Globals", "Function")
	for member, want := range map[string]string{
		"Runtime": "provided.al2023", "Handler": "bootstrap", "CodeUri": ".", "Timeout": "900", "Tracing": "Active", "RecursiveLoop": "Terminate",
	} {
		globals.at(member).want(want)
	}
	globals.same("architectures", []string{"${Architecture}"}, globals.at("Architectures").texts())
	for name := range template.resources("AWS::Serverless::Function") {
		template.at("Resources", name, "Metadata", "BuildMethod").want("makefile")
		if template.properties(name).has("AutoPublishAlias") {
			template.properties(name).wrong("has an alias, which keeps old values of changed parameters")
		}
	}
}

func failuresAreKept(template node) {
	forwarder := template.properties("ForwarderFunction").at("EventInvokeConfig")
	forwarder.at("DestinationConfig", "OnFailure", "Type").want("SQS")
	forwarder.at("DestinationConfig", "OnFailure", "Destination").want("${DeadLetterQueue.Arn}")
	forwarder.at("MaximumRetryAttempts").want("2")
	collector := template.properties("CollectorInvokeConfig")
	collector.at("FunctionName").want("${CollectorFunction}")
	collector.at("Qualifier").want("$LATEST")
	for _, destinations := range collector.at("DestinationConfig").branches() {
		destinations.at("OnFailure", "Destination").want("${DeadLetterQueue.Arn}")
	}
	template.properties("DeadLetterQueue").at("MessageRetentionPeriod").want("1209600")
	template.properties("ObjectQueue").at("RedrivePolicy", "deadLetterTargetArn").want("${DeadLetterQueue.Arn}")
}

// No function reserves concurrency: a small account has ten concurrent executions, of
// which none can be reserved, and the deployment would fail.
func nothingIsReserved(template node) {
	for _, function := range template.resources("AWS::Serverless::Function") {
		if function.has("ReservedConcurrentExecutions") || function.has("ProvisionedConcurrencyConfig") {
			function.wrong("reserves concurrency")
		}
	}
}

// A proxy inside a VPC is reached only from inside, so a function outside a VPC must
// not use it.
func functionsAreInVPCs(template node) {
	for function, names := range map[string][2]string{"CollectorFunction": {"UseVpc", ""}, "ForwarderFunction": {"UseForwarderVpc", "Forwarder"}} {
		vpc := template.properties(function).at("VpcConfig").when(names[0])
		vpc.at("SubnetIds").want("${" + names[1] + "VpcSubnetIds}")
		vpc.at("SecurityGroupIds").want("${" + names[1] + "VpcSecurityGroupIds}")
		functionVariables(template, function).at("HTTPS_PROXY").when(names[0]).want("${ProxyUrl}")
	}
}

func visibilityExceedsTimeout(template node) {
	template.properties("ObjectQueue").at("VisibilityTimeout").want("960") // the timeout is 900
	mapping := template.properties("ForwarderQueueMapping")
	mapping.at("BatchSize").want("10")
	mapping.same("response types", []string{"ReportBatchItemFailures"}, mapping.at("FunctionResponseTypes").texts())
	mapping.at("ScalingConfig", "MaximumConcurrency").want("${QueueConcurrency}")
	template.at("Resources", "ForwarderQueueMapping", "Condition").want("UseQueue")
}

func logsAreOwn(template node) {
	for function, group := range map[string]string{"CollectorFunction": "CollectorLogGroup", "ForwarderFunction": "ForwarderLogGroup"} {
		template.properties(function).at("LoggingConfig", "LogGroup").want("${" + group + "}")
		name := template.properties(function).at("FunctionName").text()
		template.properties(group).at("LogGroupName").want("/aws/lambda/" + name)
	}
}

// Names contain the stack's name: of two stacks in one account that use the same name
// the second cannot be deployed.
func namesHoldTheStack(template node) {
	resources := template.at("Resources")
	for _, resource := range resources.names() {
		if !resources.at(resource).has("Properties") {
			continue
		}
		p := resources.at(resource, "Properties")
		for _, member := range []string{"Name", "FunctionName", "BucketName", "QueueName", "LogGroupName", "AlarmName", "DashboardName", "RoleName"} {
			if !p.has(member) {
				continue
			}
			if name := p.at(member).text(); !strings.Contains(name, "${AWS::StackName}") && !strings.HasSuffix(name, "Function}") {
				p.wrong("%s %q does not hold the stack's name", member, name)
			}
		}
	}
}
