package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func alarmChecks() map[string]check {
	return map[string]check{
		"alarms look at metrics that the code emits":      alarmsAreFed,
		"the dashboard shows metrics that the code emits": dashboardIsFed,
		"the dashboard costs the memory that is set":      dashboardCostsMemory,
		"everything that can go wrong has an alarm":       troubleRings,
		"silence rings": silenceRings,
		"alarms over several metrics add all of them up":      alarmsAddUp,
		"every alarm says where to look, and tells the topic": alarmsSpeak,
		"every alarm is on the dashboard":                     alarmsAreShown,
	}
}

const ownNamespace = "RunecastIngest"

func alarmsAreFed(template node) {
	emitted, err := emittedMetrics()
	if err != nil {
		template.wrong("%v", err)
	}
	for _, alarm := range template.resources("AWS::CloudWatch::Alarm") {
		if !alarm.has("Namespace") || alarm.at("Namespace").text() != ownNamespace {
			continue
		}
		dimensions := alarm.at("Dimensions").list()
		if len(dimensions) != 1 {
			alarm.wrong("has %d dimensions, the code's metrics have one", len(dimensions))
			continue
		}
		dimensions[0].at("Name").want("function")
		metric, function := alarm.at("MetricName").text(), dimensions[0].at("Value").text()
		unit, ok := emitted.unit(metric, function)
		if !ok {
			alarm.wrong("%s does not emit %s", function, metric)
			continue
		}
		alarm.at("Unit").want(unit)
	}
}

// widget is what the checks read of a widget of the CloudWatch dashboard.
type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties struct {
		Title   string   `json:"title"`
		Region  string   `json:"region"`
		Metrics [][]any  `json:"metrics"`
		Alarms  []string `json:"alarms"`
	} `json:"properties"`
}

func widgets(template node) []widget {
	body := template.properties("Dashboard").at("DashboardBody")
	var dashboard struct {
		Widgets []widget `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(body.text()), &dashboard); err != nil {
		body.wrong("is not a dashboard: %v", err)
	}
	return dashboard.Widgets
}

func dashboardIsFed(template node) {
	emitted, err := emittedMetrics()
	if err != nil {
		template.wrong("%v", err)
	}
	body := template.properties("Dashboard")
	for _, w := range widgets(template) {
		units := map[string]bool{}
		for _, m := range w.Properties.Metrics {
			if len(m) < 4 || m[0] != ownNamespace {
				continue
			}
			metric, _ := m[1].(string)
			function, _ := m[3].(string)
			unit, ok := emitted.unit(metric, function)
			if !ok || m[2] != "function" {
				body.wrong("%s: %s does not emit %s", w.Properties.Title, function, metric)
			}
			units[unit] = true
		}
		if len(units) > 1 {
			body.wrong("%s: one axis for several units", w.Properties.Title)
		}
		if w.Type == "metric" && w.Properties.Region != "${AWS::Region}" {
			body.wrong("%s is of the region %q", w.Properties.Title, w.Properties.Region)
		}
		if w.X+w.Width > 24 {
			body.wrong("%s is wider than the page", w.Properties.Title)
		}
	}
}

// The dashboard computes GB-seconds from milliseconds and each function's memory.
func dashboardCostsMemory(template node) {
	body := template.properties("Dashboard").at("DashboardBody")
	for function, name := range map[string]string{"CollectorFunction": "collector", "ForwarderFunction": "forwarder"} {
		memory := template.properties(function).at("MemorySize").text()
		if want := fmt.Sprintf(`{"expression": "%s / 1000 * %s / 1024"`, name, memory); !strings.Contains(body.text(), want) {
			body.wrong("does not reckon with %s MB of the %s: %s", memory, name, want)
		}
	}
}

// troubleRings expects an alarm for each metric of a trouble that the operator must
// know of, by namespace, metric and dimension.
func troubleRings(template node) {
	var got []string
	for _, alarm := range template.resources("AWS::CloudWatch::Alarm") {
		if alarm.has("Metrics") {
			for _, m := range alarm.at("Metrics").list() {
				if m.has("MetricStat") {
					got = append(got, watched(m.at("MetricStat", "Metric")))
				}
			}
			continue
		}
		got = append(got, watched(alarm))
	}
	template.same("alarms", []string{
		"AWS/Lambda Errors ${CollectorFunction}", "AWS/Lambda Errors ${ForwarderFunction}",
		"AWS/Lambda Throttles ${CollectorFunction}", "AWS/Lambda Throttles ${ForwarderFunction}",
		"AWS/Lambda AsyncEventsDropped ${CollectorFunction}", "AWS/Lambda AsyncEventsDropped ${ForwarderFunction}",
		"AWS/Lambda DestinationDeliveryFailures ${CollectorFunction}", "AWS/Lambda DestinationDeliveryFailures ${ForwarderFunction}",
		"AWS/Events FailedInvocations ${AWS::StackName}-notice", "AWS/Events FailedInvocations ${AWS::StackName}-scan-notice",
		"AWS/SQS ApproximateNumberOfMessagesVisible ${DeadLetterQueue.QueueName}",
		"AWS/Scheduler TargetErrorCount ${ScheduleGroup}", "AWS/Scheduler InvocationDroppedCount ${ScheduleGroup}",
		"RunecastIngest ScansCommitted ${ForwarderFunction}", "RunecastIngest ScansFailed ${ForwarderFunction}",
		"RunecastIngest OldestPending ${ForwarderFunction}", "RunecastIngest EventsQuarantined ${ForwarderFunction}",
		"RunecastIngest RowsMissing ${ForwarderFunction}", "RunecastIngest RowsDoubled ${ForwarderFunction}",
		"RunecastIngest ConservationErrors ${ForwarderFunction}", "RunecastIngest StartedOver ${ForwarderFunction}",
		"RunecastIngest TokenRejected ${CollectorFunction}", "RunecastIngest TokenRejected ${ForwarderFunction}",
		"RunecastIngest TokenDaysLeft ${ForwarderFunction}", "RunecastIngest ChecksFailed ${ForwarderFunction}",
		"RunecastIngest SystemsFailed ${CollectorFunction}", "RunecastIngest NoticesFailed ${ForwarderFunction}",
	}, got)
}

// An alarm over several metrics has one expression that adds all of them up, and
// takes a metric without figures for 0.
func alarmsAddUp(template node) {
	for _, alarm := range template.resources("AWS::CloudWatch::Alarm") {
		if !alarm.has("Metrics") {
			continue
		}
		expression, parts := "", []string{}
		for _, m := range alarm.at("Metrics").list() {
			if m.has("Expression") {
				expression += m.at("Expression").text()
				continue
			}
			m.at("ReturnData").want("false")
			parts = append(parts, "FILL("+m.at("Id").text()+", 0)")
		}
		if want := strings.Join(parts, " + "); expression != want {
			alarm.wrong("rings by %q, not by %q", expression, want)
		}
	}
}

func watched(metric node) string {
	dimensions := metric.at("Dimensions").list()
	if len(dimensions) != 1 {
		metric.wrong("has %d dimensions", len(dimensions))
		return ""
	}
	return metric.at("Namespace").text() + " " + metric.at("MetricName").text() + " " + dimensions[0].at("Value").text()
}

// The alarm on a missing commit also rings if the metric has no figures at all, and
// looks as far back as StaleAfterHours says.
func silenceRings(template node) {
	alarm := template.properties("NothingCommittedAlarm")
	for member, want := range map[string]string{
		"MetricName": "ScansCommitted", "Statistic": "Sum", "Threshold": "1", "ComparisonOperator": "LessThanThreshold",
		"TreatMissingData": "breaching", "Period": "3600", "EvaluationPeriods": "${StaleAfterHours}",
	} {
		alarm.at(member).want(want)
	}
	template.at("Parameters", "StaleAfterHours", "MaxValue").want("168") // CloudWatch looks back seven days
}

func alarmsSpeak(template node) {
	for _, alarm := range template.resources("AWS::CloudWatch::Alarm") {
		if len(alarm.at("AlarmDescription").text()) < len("The forwarder failed, look there") {
			alarm.wrong("does not say where to look")
		}
		if topics := alarm.at("AlarmActions").when("UseAlarmTopic").list(); len(topics) != 1 || topics[0].text() != "${AlarmTopicArn}" {
			alarm.wrong("does not tell the topic")
		}
		alarm.at("TreatMissingData").text()
	}
}

func alarmsAreShown(template node) {
	var shown, all []string
	for _, w := range widgets(template) {
		shown = append(shown, w.Properties.Alarms...)
	}
	for name := range template.resources("AWS::CloudWatch::Alarm") {
		all = append(all, "${"+name+".Arn}")
	}
	slices.Sort(all)
	template.properties("Dashboard").same("alarms", all, shown)
	for _, arn := range shown {
		if !strings.HasSuffix(arn, "Alarm.Arn}") {
			template.properties("Dashboard").wrong("%s is no alarm", arn)
		}
	}
}
