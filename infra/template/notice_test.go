package template

import "strings"

func noticeChecks() map[string]check {
	return map[string]check{
		"a run's notice goes to the topic":        noticeGoesOut,
		"only the collector's notices go out":     noticeIsTheCollectors,
		"the topic's owner is told what to allow": noticeRightsAreTold,
	}
}

func noticeGoesOut(template node) {
	branches := template.properties("CollectorInvokeConfig").at("DestinationConfig").branches()
	branches[0].at("OnSuccess", "Destination").want("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default")
	if branches[len(branches)-1].has("OnSuccess") {
		template.properties("CollectorInvokeConfig").wrong("hands every run over, wanted or not")
	}
	template.at("Resources", "NoticeRule", "Condition").want("UseNotice")
	for _, target := range template.properties("NoticeRule").at("Targets").list() {
		target.at("Arn").want("${NoticeTopicArn}")
		if target.has("RoleArn") {
			target.wrong("has a role: EventBridge publishes by the topic's policy")
		}
		transformer := target.at("InputTransformer")
		for _, name := range transformer.at("InputPathsMap").names() {
			transformer.at("InputPathsMap", name).want("$.detail.responsePayload.notice." + name)
			if !strings.Contains(transformer.at("InputTemplate").text(), ": <"+name+">") { // without quotes: EventBridge puts them
				transformer.wrong("does not send %s as a JSON string", name)
			}
		}
		transformer.same("parts", []string{"text", "title"}, transformer.at("InputPathsMap").names())
	}
}

func noticeIsTheCollectors(template node) {
	pattern := template.properties("NoticeRule").at("EventPattern")
	pattern.same("sources", []string{"lambda"}, pattern.at("source").texts())
	pattern.same("kinds", []string{"Lambda Function Invocation Result - Success"}, pattern.at("detail-type").texts())
	pattern.same("functions", []string{"${CollectorFunction.Arn}:$LATEST"}, pattern.at("detail", "requestContext", "functionArn").texts())
	for _, c := range pattern.at("detail", "responsePayload", "notice", "title").list() {
		c.at("exists").want("true") // of a leaf: EventBridge does not look at whole objects
	}
}

func noticeRightsAreTold(template node) {
	description := template.at("Parameters", "NoticeTopicArn", "Description")
	for _, word := range []string{"events.amazonaws.com", "sns:Publish"} {
		if !strings.Contains(description.text(), word) {
			description.wrong("does not name %s", word)
		}
	}
}
