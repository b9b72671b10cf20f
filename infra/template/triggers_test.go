package template

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

func triggerChecks() map[string]check {
	return map[string]check{
		"schedules send the sample payloads":           schedulesSendSamples,
		"schedules are bounded and lose nothing":       schedulesAreBounded,
		"only raw/ triggers":                           onlyRawTriggers,
		"the notification waits for its permission":    notificationWaits,
		"a failed invocation of the scheduler is kept": schedulerKeepsFailures,
	}
}

// schedule is a schedule of the stack: its function, and the payload file of what it sends.
type schedule struct{ function, sample string }

func schedules() map[string]schedule {
	return map[string]schedule{
		"Start":  {"CollectorFunction", "collector-scheduled.json"},
		"Tick":   {"CollectorFunction", "collector-tick.json"},
		"Sweep":  {"ForwarderFunction", "forwarder-sweep.json"},
		"Verify": {"ForwarderFunction", "forwarder-verify.json"},
		"Check":  {"ForwarderFunction", "forwarder-check.json"},
	}
}

func (s schedule) properties(template node, name string) node {
	event := template.properties(s.function).at("Events", name)
	event.at("Type").want("ScheduleV2")
	return event.at("Properties")
}

func schedulesSendSamples(template node) {
	for name, s := range schedules() {
		p := s.properties(template, name)
		want, err := readJSON("../../events/" + s.sample)
		if err != nil {
			template.wrong("%v", err)
		}
		input := strings.NewReplacer("${AnalysisMode}", "analyze", "<aws.scheduler.scheduled-time>", "2026-11-22T02:00:00Z").Replace(p.at("Input").text())
		var got any
		if err := json.Unmarshal([]byte(input), &got); err != nil {
			p.wrong("%s: %v", input, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			p.wrong("- events/%s, + the schedule's input:\n%s", s.sample, diff)
		}
	}
}

func schedulesAreBounded(template node) {
	for name, s := range schedules() {
		p := s.properties(template, name)
		p.at("Name").want("${AWS::StackName}-" + strings.ToLower(name))
		p.at("GroupName").want("${ScheduleGroup}")
		p.at("RoleArn").want("${ScheduleRole.Arn}")
		p.at("ScheduleExpressionTimezone").want("${ScheduleTimezone}")
		if window := p.at("FlexibleTimeWindow", "Mode").text(); (window == "FLEXIBLE") != (name == "Start") {
			p.wrong("has the window %s", window)
		}
		retries, err1 := strconv.Atoi(p.at("RetryPolicy", "MaximumRetryAttempts").text())
		age, err2 := strconv.Atoi(p.at("RetryPolicy", "MaximumEventAgeInSeconds").text())
		if err1 != nil || err2 != nil || retries > 5 || age > 3600 {
			p.wrong("repeats %d times for %d s: a start of hours ago would come as a surprise", retries, age)
		}
	}
}

func schedulerKeepsFailures(template node) {
	for name, s := range schedules() {
		s.properties(template, name).at("DeadLetterConfig", "Arn").want("${DeadLetterQueue.Arn}")
	}
}

func onlyRawTriggers(template node) {
	template.at("Parameters", "Trigger", "Default").want("direct")
	notifications := template.properties("ArchiveBucket").at("NotificationConfiguration")
	for kind, destination := range map[string]struct{ member, arn string }{
		"LambdaConfigurations": {"Function", "${ForwarderFunction.Arn}"},
		"QueueConfigurations":  {"Queue", "${ObjectQueue.Arn}"},
	} {
		branches := notifications.at(kind).branches()
		if len(branches) != 1 {
			notifications.wrong("%s is not for one trigger alone", kind)
		}
		for _, branch := range branches {
			for _, c := range branch.list() {
				c.at("Event").want("s3:ObjectCreated:*")
				c.at(destination.member).want(destination.arn)
				rules := c.at("Filter", "S3Key", "Rules").list()
				if len(rules) != 1 {
					c.wrong("filters by %d rules", len(rules))
					continue
				}
				rules[0].at("Name").want("prefix")
				rules[0].at("Value").want("raw/")
			}
		}
	}
}

// The bucket depends on the permission, since S3 tests the destination when the
// notification is set.
func notificationWaits(template node) {
	bucket := template.at("Resources", "ArchiveBucket")
	bucket.same("dependencies", []string{"ForwarderPermission", "ObjectQueuePolicy"}, bucket.at("DependsOn").texts())
}
