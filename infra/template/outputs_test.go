package template

import (
	"os"
	"strings"
)

func outputChecks() map[string]check {
	return map[string]check{
		"outputs are the next commands":          outputsAreCommands,
		"the dashboard's page is on the console": pageIsOnConsole,
		"replay-batch finds its outputs":         replayFindsOutputs,
	}
}

func outputsAreCommands(template node) {
	outputs := template.at("Outputs")
	for _, name := range outputs.names() {
		o := outputs.at(name)
		o.at("Description").text()
		value := o.at("Value").text()
		if strings.Contains(value, "aws ") && !strings.Contains(value, "--region ${AWS::Region}") {
			o.wrong("works in the operator's region only by chance: %s", value)
		}
		for _, unknown := range []string{"--cli-binary-format", "logs tail"} {
			if strings.Contains(value, unknown) {
				o.wrong("%s is not known to every version of the AWS CLI: %s", unknown, value)
			}
		}
		if strings.Contains(value, "lambda invoke") && !strings.Contains(value, "--cli-read-timeout 910") {
			o.wrong("asks once more when the function takes as long as it may: %s", value)
		}
	}
	for _, name := range []string{"CheckCollector", "CheckForwarder", "Analyse", "Status", "DeliveryStatus", "DashboardPage"} {
		outputs.at(name)
	}
}

// The console of each partition has a host of its own, in another domain than the
// services.
func pageIsOnConsole(template node) {
	page := template.at("Outputs", "DashboardPage", "Value", "Fn::Sub").list()
	if len(page) != 2 {
		template.at("Outputs", "DashboardPage").wrong("does not look up the console")
		return
	}
	if address := page[0].text(); !strings.HasPrefix(address, "https://${AWS::Region}.${Console}/") {
		page[0].wrong("is not on the console: %s", address)
	}
	page[1].at("Console", "Fn::FindInMap").same("look-up", []string{"Console", "${AWS::Partition}", "Host"}, page[1].at("Console", "Fn::FindInMap").texts())
	for partition, host := range map[string]string{
		"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn",
		"aws-us-gov": "console.amazonaws-us-gov.com", "aws-eusc": "console.amazonaws-eusc.eu",
	} {
		template.at("Mappings", "Console", partition, "Host").want(host)
	}
}

func replayFindsOutputs(template node) {
	source, err := os.ReadFile("../operate/batch.go")
	if err != nil {
		template.wrong("%v", err)
	}
	for _, name := range []string{"ArchiveBucketName", "ForwarderArn", "BatchReplayRoleArn"} {
		template.at("Outputs", name)
		if !strings.Contains(string(source), name) {
			template.wrong("replay-batch does not read %s", name)
		}
	}
}
