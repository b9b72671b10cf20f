package main

import (
	"fmt"
	"regexp"
	"strings"
)

// The lines of the template's parameter Architecture: in the sources, and in a
// release, whose zips are for one processor.
const (
	anyProcessor  = "    Default: arm64\n    AllowedValues: [arm64, x86_64]\n    ConstraintDescription: must be arm64 or x86_64\n"
	thisProcessor = "    Default: %[1]s\n    AllowedValues: [%[1]s]\n    ConstraintDescription: must be %[1]s, for which this release's zips are built\n"
)

// released returns the template of a release, whose functions are the zips beside
// it. The SAM CLI uploads a zip as it is, so the deployed bytes are those of the
// checksums. Nothing is built from this template, and it accepts no processor but
// p.
func released(template string, p processor, functions []string) (string, error) {
	for _, function := range functions {
		name := regexp.MustCompile(`(?m)^( +)FunctionName: !Sub \$\{AWS::StackName\}-` + regexp.QuoteMeta(function) + `\n`)
		if len(name.FindAllString(template, -1)) != 1 {
			return "", fmt.Errorf("the template has no function %s, or several", function)
		}
		template = name.ReplaceAllString(template, "${0}${1}CodeUri: "+p.zip(function)+"\n")
	}
	const source, build = "    CodeUri: .\n", "    Metadata: {BuildMethod: makefile}\n"
	if strings.Count(template, source) != 1 || strings.Count(template, build) != len(functions) {
		return "", fmt.Errorf("the template does not build %d functions from its own folder", len(functions))
	}
	if strings.Count(template, anyProcessor) != 1 {
		return "", fmt.Errorf("the template does not ask for a processor")
	}
	return strings.NewReplacer(source, "", build, "", anyProcessor, fmt.Sprintf(thisProcessor, string(p))).Replace(template), nil
}
