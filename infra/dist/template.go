package main

import (
	"fmt"
	"regexp"
	"strings"
)

// released returns the template whose functions are the zips beside it: the SAM
// CLI uploads a zip as it is, so what is deployed are the bytes that the
// checksums name. Nothing is built from it.
func released(template string, functions []string) (string, error) {
	for _, function := range functions {
		name := regexp.MustCompile(`(?m)^( +)FunctionName: !Sub \$\{AWS::StackName\}-` + regexp.QuoteMeta(function) + `\n`)
		if len(name.FindAllString(template, -1)) != 1 {
			return "", fmt.Errorf("the template has no function %s, or several", function)
		}
		template = name.ReplaceAllString(template, "${0}${1}CodeUri: "+function+".zip\n")
	}
	const source, build = "    CodeUri: .\n", "    Metadata: {BuildMethod: makefile}\n"
	if strings.Count(template, source) != 1 || strings.Count(template, build) != len(functions) {
		return "", fmt.Errorf("the template does not build %d functions from its own folder", len(functions))
	}
	return strings.NewReplacer(source, "", build, "").Replace(template), nil
}
