package template

import (
	"slices"
	"strings"

	"runecast-ingest/internal/config/collectorconfig"
	"runecast-ingest/internal/config/forwarderconfig"
)

func settingChecks() map[string]check {
	return map[string]check{
		"variables are those of the configuration":        variablesAreRead,
		"every allowed value is accepted by the function": allowedValuesAreAccepted,
		"no variable holds a secret":                      variablesHoldNoSecret,
		"log filters let the metrics through":             metricsPassLogFilters,
		"log filters let Lambda's reports through":        reportsPassLogFilters,
	}
}

// settings has the variables of one function, as the function reads them.
type settings struct {
	variables []string
	load      func(get func(string) string) error
}

func functionSettings() map[string]settings {
	return map[string]settings{
		"CollectorFunction": {collectorconfig.Variables(), func(get func(string) string) error { _, err := collectorconfig.Load(get); return err }},
		"ForwarderFunction": {forwarderconfig.Variables(), func(get func(string) string) error { _, err := forwarderconfig.Load(get); return err }},
	}
}

func functionVariables(template node, function string) node {
	return template.properties(function).at("Environment", "Variables")
}

func variablesAreRead(template node) {
	localOnly := []string{"ALLOW_LOOPBACK", "S3_PATH_STYLE"} // settings of the local stack, which no deployment has
	for function, s := range functionSettings() {
		want := slices.DeleteFunc(slices.Clone(s.variables), func(name string) bool { return slices.Contains(localOnly, name) })
		functionVariables(template, function).same("variables", want, functionVariables(template, function).names())
	}
}

// possible returns the possible values of a variable: both values of one that depends on
// a condition, else those that its parameter allows, the default first.
func possible(template, variable node) []string {
	if branches := variable.branches(); len(branches) > 1 {
		if branches[0].text() == "${ProxyUrl}" {
			return []string{"", "http://proxy.example.com:3128"}
		}
		return []string{branches[0].text(), branches[1].text()}
	}
	required := map[string]string{
		"RunecastUrl": "https://runecast.example.com", "RunecastSecretArn": "secret",
		"OpenPipelineUrl": "https://abc12345.live.dynatrace.com", "OpenPipelineSecretArn": "secret",
	}
	parameter, isRef := strings.CutPrefix(variable.text(), "${")
	parameter = strings.TrimSuffix(parameter, "}")
	switch {
	case !isRef || strings.HasPrefix(parameter, "AWS::"):
		return []string{"bucket"}
	case required[parameter] != "":
		return []string{required[parameter]}
	}
	p := template.at("Parameters", parameter)
	all := []string{p.at("Default").text()}
	if p.has("AllowedValues") {
		all = append(all, p.at("AllowedValues").texts()...)
	}
	for _, bound := range []string{"MinValue", "MaxValue"} {
		if p.has(bound) {
			all = append(all, p.at(bound).text())
		}
	}
	return all
}

func allowedValuesAreAccepted(template node) {
	for function, s := range functionSettings() {
		variables := functionVariables(template, function)
		for _, varied := range variables.names() {
			for _, value := range possible(template, variables.at(varied)) {
				err := s.load(func(name string) string {
					switch {
					case name == varied:
						return value
					case !variables.has(name):
						return ""
					}
					return possible(template, variables.at(name))[0]
				})
				if err != nil {
					variables.wrong("%s=%q: %v", varied, value, err)
				}
			}
		}
	}
}

func variablesHoldNoSecret(template node) {
	for function := range functionSettings() {
		variables := functionVariables(template, function)
		for _, name := range variables.names() {
			for _, value := range variables.at(name).branches() {
				if strings.Contains(value.text(), "resolve:") || strings.Contains(name, "TOKEN") {
					variables.wrong("%s puts a secret into the environment: %s", name, value.text())
				}
			}
		}
	}
}

// Log filters let metrics pass, which are log lines of level INFO.
func metricsPassLogFilters(template node) {
	filter := template.at("Globals", "Function", "LoggingConfig")
	filter.at("LogFormat").want("JSON")
	if level := filter.at("ApplicationLogLevel").text(); !slices.Contains([]string{"TRACE", "DEBUG", "INFO"}, level) {
		filter.wrong("%s drops the metrics", level)
	}
}

// Log filters let Lambda's own reports pass: only they say how much memory was used.
func reportsPassLogFilters(template node) {
	template.at("Globals", "Function", "LoggingConfig", "SystemLogLevel").want("INFO")
}
