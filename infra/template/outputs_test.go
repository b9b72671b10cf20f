package template

import (
	"os"
	"strings"
)

func outputChecks() map[string]check {
	return map[string]check{
		"outputs are the next commands":       outputsAreCommands,
		"make replay-batch finds its outputs": replayFindsOutputs,
	}
}

func outputsAreCommands(template node) {
	outputs := template.at("Outputs")
	for _, name := range outputs.names() {
		o := outputs.at(name)
		o.at("Description").text()
		if value := o.at("Value").text(); strings.HasPrefix(value, "aws ") && !strings.Contains(value, "--region ${AWS::Region}") {
			o.wrong("works in the operator's region only by chance: %s", value)
		}
	}
	for _, name := range []string{"CheckCollector", "CheckForwarder", "Analyse", "Status", "DashboardPage"} {
		outputs.at(name)
	}
}

func replayFindsOutputs(template node) {
	script, err := os.ReadFile("../batch-replay/create")
	if err != nil {
		template.wrong("%v", err)
	}
	for _, name := range []string{"ArchiveBucketName", "ForwarderArn", "BatchReplayRoleArn"} {
		template.at("Outputs", name)
		if !strings.Contains(string(script), name) {
			template.wrong("the script does not read %s", name)
		}
	}
}
